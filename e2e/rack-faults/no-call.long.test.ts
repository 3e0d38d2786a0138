// Machines that are switched on and never heard of, on real firmware. See no-call.inside.ts.
import { beforeAll, expect, test } from 'vitest'
import { hearAll, type Told } from './tell.ts'

let told: Map<string, Told>
beforeAll(async () => {
  told = await hearAll('no-call.inside.ts')
})

test.each(['an agent that never calls'])('%s', (story) => {
  expect(told.get(story)).toMatchObject({ story })
  expect(told.get(story)?.problem).toBeUndefined()
})
