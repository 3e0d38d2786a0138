// Runs the mutants, each until a seed catches it: by an invariant, by a worker that crashes, or by a run that does not end.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { runFleet } from '../fleet.ts'
import { drawMix, isDrawn } from '../mix.ts'
import { Random } from '../random.ts'
import { MUTANTS } from './all.ts'
import { RULES, type Mutant } from './mutant.ts'

export interface Caught {
  readonly seed: number
  /** The invariants that did not hold. */
  readonly by: string
}

export interface Scored {
  readonly mutant: Mutant
  readonly caught: Caught | undefined
  readonly runs: number
}

export interface ScoreOptions {
  readonly mutants: readonly Mutant[]
  /** Seeds of each, at most. */
  readonly seeds: number
  readonly from: number
  readonly jobs: number
  said(scored: Scored): void
}

/** A run is half a second of computing. */
const LIMIT_CPU_MS = 60_000

export async function score({ mutants, seeds, from, jobs, said }: ScoreOptions): Promise<Scored[]> {
  const waiting = [...mutants]
  const all: Scored[] = []
  const work = async () => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const scored = await scoreOne(mutant, from, seeds)
      all.push(scored)
      said(scored)
    }
  }
  await Promise.all(Array.from({ length: jobs }, work))
  return all
}

async function scoreOne(mutant: Mutant, from: number, seeds: number): Promise<Scored> {
  const hook = pathToFileURL(join(import.meta.dirname, 'hook.ts'))
  hook.searchParams.set('mutant', mutant.id)
  let caught: Caught | undefined
  const known = remembered()[mutant.id]
  const order = [...(known === undefined ? [] : [known]), ...seedsOf(mutant, from, seeds)]
  let runs = 0
  await runFleet({
    flavour: isByName(mutant) ? mutant.flavour : undefined,
    jobs: 1,
    execArgv: ['--import', hook.href],
    limitCpuMs: LIMIT_CPU_MS,
    next: () => (caught === undefined ? order.shift() : undefined),
    result(result) {
      runs++
      const broken = 'crashed' in result ? [`crash: ${result.crashed}`] : result.violations
      if (broken.length === 0) return
      const names = broken.map((text) => text.split(':')[0]!)
      caught ??= {
        seed: result.seed,
        by: 'crashed' in result ? broken[0]!.split('\n')[0]! : [...new Set(names)].join(', '),
      }
    },
  })
  if (caught?.seed !== known) remember(mutant.id, caught?.seed)
  return { mutant, caught, runs }
}

const CAUGHT_BY = join(import.meta.dirname, 'caught-by.json')

/** The seed that caught each mutant last: it is tried first, so that a round of what is caught takes a run or two of each. */
export function remembered(): Record<string, number> {
  return existsSync(CAUGHT_BY) ? (JSON.parse(readFileSync(CAUGHT_BY, 'utf8')) as Record<string, number>) : {}
}

/** Undefined: no seed catches it any more. */
function remember(id: string, seed: number | undefined): void {
  const ids = new Set(MUTANTS.map((mutant) => mutant.id))
  const all = Object.entries({ ...remembered(), [id]: seed }).filter(([each, at]) => ids.has(each) && at !== undefined)
  const sorted = all.toSorted(([a], [b]) => (a < b ? -1 : 1))
  writeFileSync(CAUGHT_BY, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`)
}

/** Are all of its runs about what it breaks, since no seed is by itself? */
const isByName = ({ flavour }: Mutant) => flavour !== undefined && !isDrawn(flavour)

/** Those that are about what the mutant breaks are half of them, where it says so, and come first; the rest are the next ones of any kind. */
export function seedsOf(mutant: Mutant, from: number, count: number): number[] {
  const { flavour } = mutant
  if (isByName(mutant)) return Array.from({ length: count }, (_, index) => from + index)
  const first: number[] = []
  for (let seed = from; flavour !== undefined && first.length < count / 2; seed++)
    if (drawMix(new Random(seed).stream('mix')).flavour === flavour) first.push(seed)
  const any = Array.from({ length: count }, (_, index) => from + index).filter((seed) => !first.includes(seed))
  return [...first, ...any.slice(0, count - first.length)]
}

export function lineOf({ mutant, caught, runs }: Scored): string {
  const what = caught === undefined ? `SURVIVES ${runs} runs` : `seed ${caught.seed}, run ${runs}: ${caught.by}`
  return `rule ${mutant.rule.padEnd(2)}  ${mutant.id.padEnd(24)} ${what}`
}

/** The score, with the rows of the table in docs/simulator.md, and whether it is as it must be: what survives is known to. */
export function summary(all: readonly Scored[]): { text: string; ok: boolean } {
  const survivors = all.filter(({ caught }) => caught === undefined)
  const unknown = survivors.filter(({ mutant }) => mutant.survives === undefined)
  const perRule = RULES.flatMap((rule) => {
    const of = all.filter(({ mutant }) => mutant.rule === rule)
    const left = survivors.filter(({ mutant }) => mutant.rule === rule)
    const names = left.map(({ mutant: { id, survives } }) => (survives === undefined ? id : `${id} (known why)`))
    return of.length === 0 ? [] : [`| ${rule} | ${of.length - left.length} of ${of.length} | ${names.join(', ')} |`]
  })
  const lines = survivors.map(
    ({ mutant: { id, rule, breaks, survives } }) =>
      `  rule ${rule}, ${id}: ${breaks}${survives === undefined ? '' : `\n    known: ${survives}`}`,
  )
  return {
    text: [
      ...(lines.length > 0 ? ['Survivors:', ...lines] : []),
      ...perRule,
      `${all.length - survivors.length} of ${all.length} mutants caught, ${survivors.length} survive, ${unknown.length} of them without a reason`,
    ].join('\n'),
    ok: unknown.length === 0,
  }
}
