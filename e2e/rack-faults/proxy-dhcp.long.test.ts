// Whole deployments beside another DHCP server, which gives the addresses. See proxy-dhcp.inside.ts.
import { beforeAll, expect, test } from 'vitest'
import { hearAll, type Told } from './tell.ts'

let told: Map<string, Told>
beforeAll(async () => {
  told = await hearAll('proxy-dhcp.inside.ts')
})

test.each(['a BIOS machine', 'a UEFI machine by its own PXE'])('%s', (story) => {
  expect(told.get(story)).toMatchObject({ story })
  expect(told.get(story)?.problem).toBeUndefined()
})
