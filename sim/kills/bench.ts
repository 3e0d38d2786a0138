// SIGKILL and SIGSTOP of the conductor and of the cloud at each journal point of real deployments (R2): on simulated BMCs, with real processes
// and sockets. Once the same conductor comes back at once, once another of the site goes on. A point that is not resumed, a doubled change of power or a disk
// that is not the image is an error, with what the judge saw.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { numbers } from './options.ts'
import { ACTIONS, startLane } from './lane.ts'
import { killAt, undisturbed, type Blow, type Kill } from './rounds.ts'

/** Of conductors with a successor; the default of 15 s is the business of `takeover`. */
const LEASE_MS = 2000
const ANCHOR_TEXT = 'Ironic: the deployment failed, 3 s after a restart or 98 s without one'

/**
 * `--points N`: kills of conductors with a restart, and as many without; `--others N`: of each other blow; `--lanes N`: sites at a time. The default takes about
 * half an hour on two cores.
 */
export async function run(args: readonly string[]) {
  const { points, others, lanes } = numbers(args, { points: 200, others: 25, lanes: 3 })
  const restarted = await mode(1, points, lanes)
  console.log(table('restarted', restarted))
  const succeeded = await mode(2, points, lanes)
  const more: [string, Kill[]][] = []
  for (const [conductors, blow] of OTHERS)
    more.push([`${blow}, conductors: ${conductors}`, await mode(conductors, others, lanes, blow)])
  return {
    name: 'kills',
    figure: restarted.length + succeeded.length + more.reduce((sum, [, of]) => sum + of.length, 0),
    unit: 'kills and stops at journal points, all resumed and finished, no change of power doubled',
    anchor: 0,
    anchorName: ANCHOR_TEXT,
    ratio: null,
    goal: 200,
    floor: Math.min(200, 2 * points),
    text: [
      table(`not restarted, lease ${LEASE_MS / 1000} s`, succeeded),
      ...more.map(([name, of]) => table(name, of)),
    ].join('\n'),
  }
}

const OTHERS = [
  [2, 'conductor stopped'],
  [1, 'cloud killed'],
  [2, 'cloud killed'],
  [1, 'cloud stopped'],
] as const

async function mode(conductors: 1 | 2, points: number, lanes: number, blow?: Blow): Promise<Kill[]> {
  const rounds = Math.ceil(points / ACTIONS.length)
  const kills: Kill[] = []
  const lane = async (first: number) => {
    const folder = await mkdtemp(join(tmpdir(), 'ferrule-bench-'))
    await using things = new AsyncDisposableStack()
    things.defer(() => rm(folder, { recursive: true, force: true }))
    const lane = things.use(await startLane({ folder, conductors, ...(conductors === 2 && { leaseMs: LEASE_MS }) }))
    const whole = await undisturbed(lane)
    // An action that had ended before its point is done again with others, so that there are as many kills as were asked for.
    for (let round = first; round < rounds || kills.length < points; round += lanes) {
      if (round >= 3 * rounds) throw new Error(`only ${kills.length} of ${points} points were reached`)
      for (const each of whole) {
        const point = 1 + Math.floor(((round % rounds) * each.records.length) / rounds)
        const kill = await killAt(lane, each, point, blow)
        if (kill !== undefined) kills.push(kill)
      }
    }
  }
  await Promise.all(Array.from({ length: lanes }, (_, first) => lane(first)))
  return kills
}

function table(name: string, kills: readonly Kill[]): string {
  const lines = ACTIONS.map((action) => {
    const of = kills.filter((kill) => kill.action === action.name)
    const seconds = of.map((kill) => kill.seconds).toSorted((a, b) => a - b)
    const points = new Set(of.map(({ point }) => point)).size
    const again = of.filter((kill) => kill.again).length
    const at = (part: number) => seconds[Math.min(seconds.length - 1, Math.floor(seconds.length * part))]?.toFixed(1)
    return `  ${action.name.padEnd(16)} ${of.length} at ${points} points; end after p50 ${at(0.5)} s, longest ${at(1)} s${again > 0 ? `; ${again} booted again` : ''}`
  })
  const records = [...Map.groupBy(kills, ({ record }) => record)].map(([record, of]) => `${record} ${of.length}`)
  return [`${name}: ${kills.length} times, all finished`, ...lines, `  after ${records.join(', ')}`].join('\n')
}
