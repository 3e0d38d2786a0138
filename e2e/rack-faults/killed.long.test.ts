// A conductor that is killed in the middle of deployments and comes back, on real firmware. See killed.inside.ts.
import { beforeAll, expect, test } from 'vitest'
import { hearAll, type Told } from './tell.ts'

let told: Map<string, Told>
beforeAll(async () => {
  told = await hearAll('killed.inside.ts')
})

test.each(['a killed conductor'])('%s', (story) => {
  expect(told.get(story)).toMatchObject({ story })
  expect(told.get(story)?.problem).toBeUndefined()
})
