// Two conductors on one LAN, and the death of one of them, on real firmware. See conductors.inside.ts.
import { beforeAll, expect, test } from 'vitest'
import { hearAll, type Told } from './tell.ts'

let told: Map<string, Told>
beforeAll(async () => {
  told = await hearAll('conductors.inside.ts')
})

test.each(['two conductors'])('%s', (story) => {
  expect(told.get(story)).toMatchObject({ story })
  expect(told.get(story)?.problem).toBeUndefined()
})
