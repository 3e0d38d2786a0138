// A conductor that stands still for ten leases in the middle of its steps, a thousand times (R4). The figure is what must be none: changes
// that a BMC accepted from it after another had taken over. The judge throws at the first one.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { numbers } from './options.ts'
import { noStalls, stallLane } from './stalls.ts'

const LEASE_MS = 300
const LEASES = 10

/** `--stalls N`, `--lanes N` sites at a time, `--seed N`. The default takes about five minutes on two cores; the goal's number is 1,000. */
export async function run(args: readonly string[]) {
  const { stalls, lanes, seed } = numbers(args, { stalls: 200, lanes: 5, seed: 1 })
  const folder = await mkdtemp(join(tmpdir(), 'ferrule-bench-'))
  const sum = noStalls()
  let begun = 0
  try {
    const lane = (i: number) =>
      stallLane(
        join(folder, `${i}`),
        { leaseMs: LEASE_MS, stoppedMs: LEASES * LEASE_MS, seed: seed + i },
        sum,
        () => begun++ < stalls,
      )
    // The folder goes when every lane has ended, also where one of them has failed.
    const ends = await Promise.allSettled(
      Array.from({ length: lanes }, (_, i) =>
        lane(i).catch((error: unknown) => {
          begun = stalls
          throw error
        }),
      ),
    )
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  const moments = Object.entries(sum.moments).map(([moment, count]) => `${count} ${moment}`)
  return {
    name: 'stalls',
    figure: 0,
    unit: `stale changes accepted in ${sum.count} stops`,
    anchor: null,
    anchorName: 'Ironic has no fence',
    ratio: null,
    goal: 0,
    floor: 0,
    smallerIsBetter: true,
    text: [
      `${sum.count} stops of ${(LEASES * LEASE_MS) / 1000} s, lease ${LEASE_MS} ms, seed ${seed}: found the steps of ${moments.join(', ')}`,
      `  ${sum.taken} finished by the other conductor; ${sum.strays} datagrams came in sessions that had been closed`,
    ].join('\n'),
  }
}
