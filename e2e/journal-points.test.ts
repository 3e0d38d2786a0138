// A conductor or the cloud is killed or stopped at a few records of the conductor's journal, from outside, in each kind of action;
// `npm run bench -- kills` does it at hundreds.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startLane } from '../sim/kills/lane.ts'
import { killAt, undisturbed } from '../sim/kills/rounds.ts'

const LEASE_MS = 2000
/** Parts of an action: the first kill comes with its acceptance, or shortly before its end. */
const STORIES = [
  { conductors: 1, blow: 'conductor killed', what: 'is back at once', parts: [0.15, 0.6] },
  { conductors: 2, blow: 'conductor killed', what: 'stays away, and another has its nodes', parts: [0.4] },
  { conductors: 2, blow: 'conductor stopped', what: 'goes on when another has its nodes', parts: [0.5] },
  { conductors: 1, blow: 'cloud killed', what: 'is back at once', parts: [0.3] },
] as const

test.concurrent.for(STORIES)(
  '$blow at records of the journal, which $what: no change of power is doubled',
  { timeout: 300_000 },
  async ({ conductors, blow, parts }) => {
    const folder = await mkdtemp(join(tmpdir(), 'ferrule-story-'))
    await using things = new AsyncDisposableStack()
    things.defer(() => rm(folder, { recursive: true, force: true }))
    const lane = things.use(await startLane({ folder, conductors, ...(conductors === 2 && { leaseMs: LEASE_MS }) }))
    const whole = await undisturbed(lane)
    expect(whole.map(({ power }) => power.length)).toEqual([3, 4, 1, 1, 3])
    const kills = []
    for (const part of parts)
      for (const action of whole)
        kills.push(await killAt(lane, action, 1 + Math.floor(action.records.length * part), blow))
    expect(kills.filter((kill) => kill !== undefined).map(({ action }) => action)).toEqual(
      parts.flatMap(() => whole.map(({ action }) => action.name)),
    )
  },
)
