// A child process of a simulation: never outlives it, and ends by the signal that a story wants.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export interface Child {
  readonly process: ChildProcess
  /** Resolves when it has ended; at once when it has already. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

/** Runs `program` with this Node. Lines of the given streams go to `onLine`. */
export function startChild(
  program: string,
  args: readonly string[],
  streams: readonly ('stdout' | 'stderr')[],
  onLine: (line: string) => void,
): Child {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const killWithUs = () => void child.kill('SIGKILL')
  process.once('exit', killWithUs)
  const exited = once(child, 'exit').then(() => void process.off('exit', killWithUs))
  for (const name of streams) createInterface(child[name]).on('line', onLine)
  return {
    process: child,
    async end(signal) {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill(signal)
        child.kill('SIGCONT') // one that was stopped would hear nothing
      }
      await exited
    },
  }
}
