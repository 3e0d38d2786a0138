// The process: command line, signals, exit code.
import { text } from 'node:stream/consumers'
import { runCommandLine } from './cli/cli.ts'

/** A clean end takes milliseconds; one that waits for a machine that is gone must not keep a service from stopping. */
const STOP_WITHIN_MS = 10_000

const stopped = new Promise<void>((resolve) => {
  // A second signal means it: without a listener it ends the process at once.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve())
})
async function watchTheEnd(): Promise<void> {
  await stopped
  setTimeout(() => {
    const open = process.getActiveResourcesInfo().join(' ')
    process.stderr.write(`not stopped within ${STOP_WITHIN_MS / 1000} s; left open: ${open}\n`)
    process.exit(1)
  }, STOP_WITHIN_MS).unref()
}
void watchTheEnd()

const code = await runCommandLine(process.argv.slice(2), {
  out: (line) => void process.stdout.write(`${line}\n`),
  error: (line) => void process.stderr.write(`${line}\n`),
  environment: process.env,
  stdin: () => text(process.stdin),
  stopped,
})
// Not process.exitCode: a connection to a machine that was switched off may linger in the kernel for minutes.
process.exit(code)
