// A conductor that is killed in the middle of a write and comes back, on real firmware. See killed.inside.ts.
import { beforeAll, expect, test } from 'vitest'
import { hearAll, type Told } from './tell.ts'

let told: Map<string, Told>
beforeAll(async () => {
  told = await hearAll('killed.inside.ts')
})

test.each(['a conductor killed in the middle of the write'])('%s', (story) => {
  expect(told.get(story)).toMatchObject({ story })
  expect(told.get(story)?.problem).toBeUndefined()
})
