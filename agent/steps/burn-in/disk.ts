// Step: every disk that may be erased, written and read back by fio, several times; then, where that is asked for, its own long test (SMART). What was on
// it is gone.
import * as z from 'zod'
import { type CommandContext, defineStep } from '../../command.ts'
import { AgentFault } from '../../fault.ts'
import type { Programs } from '../../layers.ts'
import { programsFor } from '../../programs.ts'
import { placesToErase } from '../each-disk.ts'
import { burnInOf, lastWords } from './info.ts'
import { selfTest } from './self-test.ts'

/** Longer than any disk takes; the step's own limit is the conductor's. */
const LIMIT_MS = 2 ** 31 - 1

const MAX_FAULTS = 5

const fioAnswer = z.object({
  jobs: z.array(
    z.object({
      jobname: z.string(),
      error: z.number(),
      total_err: z.number().optional(),
      read: z.object({ io_bytes: z.number() }),
      write: z.object({ io_bytes: z.number() }),
    }),
  ),
})

/** fio's own notation: a colon separates files. */
const fileName = (path: string) => path.replaceAll(':', '\\:')

async function writeAndVerify(context: CommandContext, programs: Programs, paths: readonly string[]): Promise<string> {
  const { agent_burnin_fio_disk_loops: loops, agent_burnin_fio_disk_runtime: runtime } = burnInOf(context)
  const args = [
    ...['--rw=readwrite', '--bs=4k', '--direct=1', '--ioengine=libaio', '--iodepth=32'],
    ...['--verify=crc32c', '--verify_dump=0', '--continue_on_error=verify', `--loops=${loops}`],
    ...(runtime > 0 ? ['--time_based', `--runtime=${runtime}`] : []),
    ...['--output-format=json', '--eta=never'],
    ...paths.flatMap((path) => [`--name=${path}`, `--filename=${fileName(path)}`]),
  ]
  context.log(`fio ${args.join(' ')}`)
  const { code, stdout, stderr } = await programs.run('fio', args, {
    timeoutMs: LIMIT_MS,
    maxBytes: 16 << 20,
    signal: context.signal,
    cwd: '/tmp',
    env: { ...process.env, LC_ALL: 'C' },
  })
  context.signal.throwIfAborted()
  const start = stdout.indexOf('{')
  const answer = fioAnswer.safeParse(start === -1 ? undefined : parsed(stdout.slice(start)))
  const jobs = answer.success ? answer.data.jobs : []
  const bad = jobs.filter(({ error, total_err: total = 0 }) => error !== 0 || total !== 0).map(({ jobname }) => jobname)
  if (code !== 0 || bad.length > 0 || jobs.length !== paths.length)
    throw new AgentFault(
      'BurnInError',
      `fio has found faults on ${bad.join(', ') || `a disk (exit code ${code})`}`,
      faultsIn(`${stdout.slice(0, Math.max(start, 0))}\n${stderr}`) ?? lastWords(`${stdout}\n${stderr}`),
    )
  return jobs
    .map(({ jobname, read, write }) => `${jobname} ${write.io_bytes} bytes written, ${read.io_bytes} read`)
    .join('; ')
}

/** The first of them; a bad disk has thousands. */
function faultsIn(said: string): string | undefined {
  const lines = said.split('\n').filter((line) => /verify: bad|\berror\b/i.test(line))
  if (lines.length === 0) return undefined
  const more = lines.length > MAX_FAULTS ? [`and ${lines.length - MAX_FAULTS} more`] : []
  return [...lines.slice(0, MAX_FAULTS), ...more].join('; ')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export const burnInDiskStep = defineStep({
  interface: 'deploy',
  step: 'burnin_disk',
  about: 'Writes all disks several times, and verifies what is read back. Nothing on them is left.',
  priorities: { clean: 0 },
  args: z.object({}),
  async run(context) {
    const { agent_burnin_fio_disk_smart_test: tests } = burnInOf(context)
    const programs = await programsFor(context, 'burnin_disk', tests ? ['fio', 'smartctl'] : ['fio'])
    const { wanted, skipped } = await placesToErase(context)
    // A member of the node's arrays is worked on through its array, which is a disk, too.
    const paths = wanted.filter(({ beside }) => beside.length === 0).map(({ device }) => device.path)
    if (paths.length === 0) return `no disk may be written${skipped.length > 0 ? `: ${skipped.join(', ')}` : ''}`
    const told = await writeAndVerify(context, programs, paths)
    const health = tests ? `; ${await selfTest(context, programs, paths)}` : ''
    return `${told}${health}${skipped.length > 0 ? `; left out: ${skipped.join(', ')}` : ''}`
  },
})
