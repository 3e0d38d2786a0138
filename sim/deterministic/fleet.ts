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
  /** A seed that takes longer, by the clock on the wall, does not end: its worker is killed. */
  readonly limitMs?: number
}

/** Resolves when every seed that was taken has been run. */
export async function runFleet(options: FleetOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.jobs }, () => runWorker(options)))
}

function runWorker(options: FleetOptions): Promise<void> {
  const { next, result, execArgv = [], limitMs } = options
  return new Promise((resolve) => {
    let seed = next()
    if (seed === undefined) return resolve()
    const child = fork(join(import.meta.dirname, 'worker.ts'), { execArgv: [...execArgv] })
    const kill = () => void child.kill('SIGKILL')
    process.once('exit', kill)
    let limit: NodeJS.Timeout | undefined
    let isLate = false
    const send = (next: number) => {
      child.send(next)
      if (limitMs === undefined) return
      clearTimeout(limit)
      limit = setTimeout(() => {
        isLate = true
        kill()
      }, limitMs)
    }
    send(seed)
    child.on('message', (said) => {
      clearTimeout(limit)
      result(said as SeedResult)
      seed = next()
      if (seed === undefined) child.disconnect()
      else send(seed)
    })
    child.on('exit', (code, signal) => {
      clearTimeout(limit)
      process.off('exit', kill)
      // A worker that dies says something of the seed that it was at, too.
      if (seed !== undefined) {
        result({
          seed,
          crashed: isLate ? `no end after ${limitMs! / 1000} s` : `the worker ended with ${signal ?? code}`,
        })
        return void runWorker(options).then(resolve)
      }
      resolve()
    })
  })
}
