// `npm run bench -- deploy` (P11): one machine is deployed on the virtual rack, several times, each in a rack of its own; phases and the gaps
// between them, beside Ironic's on the same rack with an image of the same size. The figure is what the orchestration takes of it: the
// sum of the gaps (rows 1, 8 and 11 to 14), median of the runs.
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { buildRamdisk } from '../../agent/ramdisk/build.ts'
import { buildTinyImage } from '../../lab/images/tiny.ts'
import { inRack } from '../../lab/namespaces.ts'
import { IRONIC, IRONIC_TUNED } from './ironic.ts'
import type { Prepared, Told } from './measure.inside.ts'
import { type Evidence, intervalsOf } from './phases.ts'
import { type Measured, page, report, summarise } from './report.ts'
import { waterfall } from './waterfall.ts'

/** Of the anchor's image: 113 MB. */
const IMAGE_BYTES = 108 * 2 ** 20
const GOAL_S = 1
const docs = join(import.meta.dirname, '../../docs/benchmarks')
const HELP = `npm run bench -- deploy [--runs 3] [--write-docs] [--verbose] [--keep DIR]

  --runs N       deployments, one after another (about half a minute each); the figures are medians
  --write-docs   write docs/benchmarks/deploy.md and deploy.svg
  --verbose      tell each deployment as it goes
  --keep DIR     keep what was seen of each run, as JSON`

export async function run(args: readonly string[] = []) {
  const values = readOptions(args)
  const { runs } = values
  const image = await buildTinyImage()
  const { kernel, initrd } = await buildRamdisk({ log: () => {} })
  const prepared: Prepared = { ramdisk: { kernel, initrd }, image: image.path, imageBytes: IMAGE_BYTES }
  const measured: Measured[] = []
  for (let nth = 1; nth <= runs; nth++) {
    // Machines of a rack are emulated: whatever else runs here is in every figure.
    const loadBefore = loadavg()[0]! / cpus().length
    const evidence = await deploy(prepared, values.verbose ? console.log : () => {})
    if (values.keep !== undefined) {
      mkdirSync(values.keep, { recursive: true })
      writeFileSync(join(values.keep, `run-${nth}.json`), `${JSON.stringify(evidence, null, 1)}\n`)
    }
    const intervals = intervalsOf(evidence)
    measured.push({ intervals, loadBefore })
    const { totalS, sums } = summarise(measured.slice(-1))
    const load = `load before ${loadBefore.toFixed(1)} a processor`
    console.log(`run ${nth}: system up after ${totalS.toFixed(2)} s, gaps ${sums.overhead.toFixed(2)} s; ${load}`)
  }
  const ours = summarise(measured)
  if (values['write-docs']) {
    writeFileSync(join(docs, 'deploy.md'), page(ours, measured))
    writeFileSync(join(docs, 'deploy.svg'), waterfall(ours, [IRONIC_TUNED, IRONIC]))
  }
  return {
    name: 'deploy',
    figure: ours.sums.overhead,
    unit: 's of gaps',
    anchor: IRONIC.sums.overhead,
    anchorName: `${IRONIC.name}; tuned ${IRONIC_TUNED.sums.overhead.toFixed(1)}`,
    ratio: IRONIC.sums.overhead / ours.sums.overhead,
    goal: GOAL_S,
    floor: GOAL_S,
    smallerIsBetter: true,
    text: report(ours, measured),
  }
}

/** What does not fit is answered with the help. */
function readOptions(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        runs: { type: 'string', default: '3' },
        'write-docs': { type: 'boolean', default: false },
        verbose: { type: 'boolean', default: false },
        keep: { type: 'string' },
      },
    })
    const runs = Number(values.runs)
    if (!Number.isInteger(runs) || runs < 1 || runs > 100) throw new Error('--runs takes a number from 1 to 100.')
    return { ...values, runs }
  } catch (error) {
    console.error(`${(error as Error).message.split('. ')[0]}\n\n${HELP}`)
    process.exit(2)
  }
}

/** Throws with the ends of console and log when the machine does not come up. */
async function deploy(prepared: Prepared, say: (line: string) => void): Promise<Evidence> {
  let evidence: Evidence | undefined
  let why = 'the rack said nothing'
  const rack = inRack(join(import.meta.dirname, 'measure.inside.ts'), [JSON.stringify(prepared)], {
    onMessage(message) {
      const told = message as Told
      if (told.type === 'line') say(told.line)
      else if (told.type === 'evidence') evidence = told.evidence
      else why = told.why
    },
  })
  const code = await rack.exited
  if (evidence === undefined) throw new Error(`the deployment failed (exit code ${code}): ${why}`)
  return evidence
}
