// `npm run bench -- NAME`: one benchmark beside its anchor. The last line has figure, anchor and ratio; exit code 1 below the goal's floor.
import { ensureDebianPackages, type Purpose } from '../debian.ts'
import { onShutdown } from '../shutdown.ts'

/** What a benchmark answers: `figure` against `anchor` in `unit`; `floor` is the figure below which the goal is missed. */
export interface BenchResult {
  readonly name: string
  readonly figure: number
  readonly unit: string
  readonly anchor: number | null
  readonly anchorName: string
  readonly ratio: number | null
  /** In the same unit. */
  readonly goal: number | string
  readonly floor: number
  /** Are smaller figures better (seconds)? Then `floor` is a ceiling. */
  readonly smallerIsBetter?: boolean
  /** The table that was measured, for people. */
  readonly text: string
}

const BENCHES: Record<
  string,
  { about: string; needs?: Purpose; load: () => Promise<{ run: (args: readonly string[]) => Promise<BenchResult> }> }
> = {
  api: {
    about: 'API requests per CPU second beside a real Ironic (P1); --nodes N, --ironic sqlite, --url URL --token TOKEN for any endpoint', // prettier-ignore
    needs: 'ironic',
    load: () => import('../../e2e/bench/api.ts'),
  },
  lifecycle: {
    about: '100 fake nodes from enroll to active, beside a real Ironic (P2); --nodes N, --ironic sqlite, --url URL --token TOKEN', // prettier-ignore
    needs: 'ironic',
    load: () => import('../../e2e/bench/lifecycle.ts'),
  },
  page: {
    about: 'a page of 100 out of a million nodes: filters, sorts, random markers (P14); --nodes N',
    load: () => import('../../e2e/bench/page.ts'),
  },
  dispatch: {
    about: 'task dispatch, API to conductor and back (P7)',
    load: () => import('../../sim/bench-dispatch.ts'),
  },
  ring: { about: 'balance, moves and planning time of the ring (P13)', load: () => import('../../sim/bench-ring.ts') },
  'wan-cut': {
    about: 'fifty deployments while the site is cut off (R5); --minutes N',
    load: () => import('../../sim/bench-wan-cut.ts'),
  },
  kills: {
    about: 'SIGKILL of the conductor at each journal point (R2); --points N, --lanes N',
    load: () => import('../../sim/kills/bench.ts'),
  },
  takeover: {
    about: 'take-over from a killed and from a stopped conductor (R3); --rounds N',
    load: () => import('../../sim/kills/bench-takeover.ts'),
  },
  stalls: {
    about: 'SIGSTOP of a conductor in the middle of its steps (R4); --stalls N, --lanes N',
    load: () => import('../../sim/kills/bench-stalls.ts'),
  },
  durable: {
    about: 'SIGKILL of the cloud under load: nothing acknowledged is lost (R10); --kills N',
    load: () => import('../../sim/kills/bench-durable.ts'),
  },
  ipmi: { about: 'BMC power polls per second and core (P4)', load: () => import('../../site-conductor/ipmi/bench.ts') },
  tftp: { about: 'TFTP rate with windowsize (P8)', load: () => import('../../site-conductor/tftp/bench.ts') },
  images: { about: 'image serving over HTTP (P9)', load: () => import('../../site-conductor/http-boot/bench.ts') },
  agent: { about: 'image write by the agent (P10)', load: () => import('../../agent/bench.ts') },
  deploy: {
    about: 'gaps of one deployment, phase by phase (P11); --runs N, --write-docs',
    needs: 'lab',
    load: () => import('../../e2e/bench-deploy/run.ts'),
  },
}

const [name = '', ...args] = process.argv.slice(2)
const bench = BENCHES[name]
if (!bench) {
  console.error(
    `usage: npm run bench -- NAME\n\n${Object.entries(BENCHES)
      .map(([key, { about }]) => `  ${key.padEnd(10)} ${about}`)
      .join('\n')}`,
  )
  process.exit(2)
}
console.log(`Node ${process.version}`)
onShutdown(() => undefined)
if (bench.needs) ensureDebianPackages(bench.needs, console.log)
const result = await (await bench.load()).run(args)
const number = (value: number | null) =>
  value === null ? '–' : value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(2)
const reached = result.smallerIsBetter ? result.figure <= result.floor : result.figure >= result.floor
console.log(result.text)
console.log(
  `${result.name}: ${number(result.figure)} ${result.unit}, anchor ${number(result.anchor)} (${result.anchorName}), ratio ${number(result.ratio)}, goal ${typeof result.goal === 'number' ? number(result.goal) : result.goal}: ${reached ? 'reached' : 'MISSED'}`,
)
process.exit(reached ? 0 : 1)
