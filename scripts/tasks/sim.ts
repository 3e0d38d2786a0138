// `npm run sim`: the deterministic simulator, many seeds at once or one with its trace.
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { AIMED_FLAVOURS, FAULT_KINDS, FLAVOURS } from '../../sim/deterministic/mix.ts'
import { runFleet } from '../../sim/deterministic/fleet.ts'
import { INVARIANTS } from '../../sim/deterministic/invariants.ts'
import { MUTANTS } from '../../sim/deterministic/mutants/all.ts'
import { lineOf, score, summary } from '../../sim/deterministic/mutants/score.ts'
import { verify } from '../../sim/deterministic/mutants/verify.ts'
import { runSeed } from '../../sim/deterministic/run.ts'
import { readOptions } from '../options.ts'
import { onShutdown } from '../shutdown.ts'
import { writeReport } from '../vitest-report.ts'

const HELP = `npm run sim [-- options]

Runs the production hub, conductors, journal and IPMI driver in a simulated world where networks, disks, clocks, databases, BMCs and
processes fail, and looks whether every promise of the ownership protocol holds. One seed is one history, always the same to the byte.

  --seeds N     how many, from --from on (default 200)
  --from S      the first seed (default 1)
  --minutes M   as many seeds as fit into M minutes, in place of --seeds
  --report FILE write what came of it as vitest does: all seeds together are one test
  --jobs J      processes (default: one for each processor)
  --seed S      only this one
  --flavour F   all runs are about this, one that no seed draws by itself included
  --trace       with --seed: print everything that happens
  --mutants     are the checks any good? Mistakes are put into the protocol, one at a time, and each must be caught within --seeds (300)
  --only ID     with --mutants: this one; --rule R: those of one rule
  --verify      with --mutants: does each pass types, and which do the unit tests beside it catch?
  --help        this text

What must hold: ${Object.entries(INVARIANTS)
  .map(([name, text]) => `\n  ${name.padEnd(16)} ${text}`)
  .join('')}

What goes wrong (each seed has some of it): ${FAULT_KINDS.join(', ')}, and lossy, slow networks throughout.

Flavours: ${FLAVOURS.join(', ')}; only by --flavour, each about one kind of history: ${AIMED_FLAVOURS.join(', ')}`

const values = readOptions(HELP, {
  seeds: { type: 'string' },
  from: { type: 'string' },
  minutes: { type: 'string' },
  report: { type: 'string' },
  jobs: { type: 'string' },
  seed: { type: 'string' },
  flavour: { type: 'string' },
  trace: { type: 'boolean' },
  mutants: { type: 'boolean' },
  only: { type: 'string' },
  rule: { type: 'string' },
  verify: { type: 'boolean' },
})
onShutdown(() => undefined)

function whole(name: 'seeds' | 'from' | 'jobs' | 'seed', text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0) return value
  console.error(`--${name} takes a whole number, not ${text}`)
  process.exit(2)
}

const flavour = [...FLAVOURS, ...AIMED_FLAVOURS].find((each) => each === values.flavour)
if (values.flavour !== undefined && flavour === undefined) {
  console.error(`there is no flavour ${values.flavour}; there are: ${[...FLAVOURS, ...AIMED_FLAVOURS].join(', ')}`)
  process.exit(2)
}

if (values.seed !== undefined) {
  const result = await runSeed(whole('seed', values.seed, 0), values.trace ? console.log : undefined, flavour)
  const { counts, trace, virtualS, violations } = result
  console.log(
    `seed ${result.seed}: ${virtualS} s, ${counts.commands} commands, ${counts.tasks} tasks, ${counts.mutations} mutations at BMCs`,
  )
  console.log(`trace of ${trace.lines} lines, SHA-256 ${trace.sha256}`)
  for (const violation of violations) console.log(`VIOLATION ${violation}`)
  process.exit(violations.length > 0 ? 1 : 0)
}

const jobs = Math.max(1, whole('jobs', values.jobs, availableParallelism()))
const from = whole('from', values.from, 1)

if (values.mutants) {
  const mutants = MUTANTS.filter(({ id, rule }) => (values.only ?? id) === id && (values.rule ?? rule) === rule)
  if (mutants.length === 0) {
    console.error(`there is no such mutant; there are: ${MUTANTS.map(({ id }) => id).join(', ')}`)
    process.exit(2)
  }
  if (values.verify) process.exit(verify(mutants, console.log) ? 0 : 1)
  const seeds = whole('seeds', values.seeds, 300)
  const { text, ok } = summary(await score({ mutants, seeds, from, jobs, said: (one) => console.log(lineOf(one)) }))
  console.log(text)
  process.exit(ok ? 0 : 1)
}

const end = values.minutes === undefined ? from + whole('seeds', values.seeds, 200) : Infinity
const until = performance.now() + Number(values.minutes ?? Infinity) * 60_000
const started = performance.now()
const sum = { runs: 0, virtualS: 0, tasks: 0, mutations: 0, commands: 0 }
const bad: number[] = []
let seed = from
let saidAt = started

await runFleet({
  jobs,
  flavour,
  next: () => (seed < end && performance.now() < until ? seed++ : undefined),
  result(result) {
    sum.runs++
    const failures = 'crashed' in result ? [`crashed: ${result.crashed}`] : result.violations
    if (failures.length > 0) {
      bad.push(result.seed)
      console.log(
        `seed ${result.seed}: ${failures.join('; ')}\n  npm run sim -- --seed ${result.seed}${flavour ? ` --flavour ${flavour}` : ''} --trace`,
      )
    }
    if (!('crashed' in result)) {
      sum.virtualS += result.virtualS
      for (const name of ['tasks', 'mutations', 'commands'] as const) sum[name] += result.counts[name]
    }
    if (performance.now() - saidAt < 10_000) return
    saidAt = performance.now()
    console.log(`  ${sum.runs} runs, ${bad.length} with violations`)
  },
})
const seconds = (performance.now() - started) / 1000
console.log(
  `${sum.runs} runs of ${(sum.virtualS / 3600).toFixed(1)} simulated hours in ${seconds.toFixed(1)} s (${(sum.runs / seconds / jobs).toFixed(1)} a second and process): ` +
    `${sum.commands} commands acknowledged, ${sum.tasks} tasks, ${sum.mutations} mutations at BMCs, ${bad.length} runs with violations`,
)
if (values.report !== undefined) {
  const failed = bad.length > 0 ? 1 : 0
  const [startTime, endTime] = [Date.now() - seconds * 1000, Date.now()]
  const name = resolve(`sim/deterministic (${sum.runs} seeds)`)
  const status = failed ? 'failed' : 'passed'
  const only = { fullName: 'no seed breaks an invariant', status, failureMessages: [`seeds ${bad.join(', ')}`] }
  const result = { name, startTime, endTime, status, assertionResults: [only] }
  writeReport(values.report, { passed: 1 - failed, failed, skipped: 0 }, result)
}
if (bad.length > 0) console.log(`seeds with violations: ${bad.join(', ')}`)
process.exit(bad.length > 0 ? 1 : 0)
