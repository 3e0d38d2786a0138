// What a deployment needs besides its machine, failing for a moment or for good, on real firmware. See services.inside.ts for the stories and
// machine-story.ts for their judges.
import { beforeAll, expect, test } from 'vitest'
import { hearAll, type Told } from './tell.ts'

let told: Map<string, Told>
beforeAll(async () => {
  told = await hearAll('services.inside.ts')
})

test.each(['an image server that stalls', 'image servers with something else', 'a BMC that falls silent'])(
  '%s',
  (story) => {
    expect(told.get(story)).toMatchObject({ story })
    expect(told.get(story)?.problem).toBeUndefined()
  },
)
