// The process: command line, signals, exit code.
import { text } from 'node:stream/consumers'
import { runCommandLine } from './cli.ts'

const stopped = new Promise<void>((resolve) => {
  // A second signal means it: without a listener it ends the process at once.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve())
})

process.exitCode = await runCommandLine(process.argv.slice(2), {
  out: (line) => void process.stdout.write(`${line}\n`),
  error: (line) => void process.stderr.write(`${line}\n`),
  environment: process.env,
  stdin: () => text(process.stdin),
  stopped,
})
