// A cloud that is killed in the middle of deployments and comes back, with machines on real firmware. See cloud-killed.inside.ts.
import { beforeAll, expect, test } from 'vitest'
import { hearAll, type Told } from './tell.ts'

let told: Map<string, Told>
beforeAll(async () => {
  told = await hearAll('cloud-killed.inside.ts')
})

test.each(['a killed cloud'])('%s', (story) => {
  expect(told.get(story)).toMatchObject({ story })
  expect(told.get(story)?.problem).toBeUndefined()
})
