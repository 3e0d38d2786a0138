// Runs many seeds on all processors: each worker process takes the next seed when it has ended one.
import { fork } from 'node:child_process'
import { join } from 'node:path'
import type { RunResult } from './run.ts'

export type SeedResult = RunResult | { readonly seed: number; readonly crashed: string }

export interface FleetOptions {
  /** Answers the next seed; undefined when there are enough. */
  next(): number | undefined
  result(result: SeedResult): void
  readonly jobs: number
  /** More arguments for Node in each worker. */
  readonly execArgv?: readonly string[]
}

/** Resolves when every seed that was taken has been run. */
export async function runFleet({ next, result, jobs, execArgv = [] }: FleetOptions): Promise<void> {
  await Promise.all(Array.from({ length: jobs }, () => runWorker({ next, result, jobs, execArgv })))
}

function runWorker({ next, result, execArgv = [] }: FleetOptions): Promise<void> {
  return new Promise((resolve) => {
    let seed = next()
    if (seed === undefined) return resolve()
    const child = fork(join(import.meta.dirname, 'worker.ts'), { execArgv: [...execArgv] })
    const kill = () => void child.kill('SIGKILL')
    process.once('exit', kill)
    child.send(seed)
    child.on('message', (said) => {
      result(said as SeedResult)
      seed = next()
      if (seed === undefined) child.disconnect()
      else child.send(seed)
    })
    child.on('exit', (code, signal) => {
      process.off('exit', kill)
      // A worker that dies says something of the seed that it was at, too.
      if (seed !== undefined) {
        result({ seed, crashed: `the worker ended with ${signal ?? code}` })
        return void runWorker({ next, result, jobs: 1, execArgv }).then(resolve)
      }
      resolve()
    })
  })
}
