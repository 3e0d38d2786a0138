// Runs many seeds on all processors: each worker process takes the next seed when it has ended one.
import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Flavour } from './mix.ts'
import type { RunResult } from './run.ts'

const LOOK_MS = 2_000
/** To compile takes a worker longer than a run. */
const COMPILED = join(import.meta.dirname, '../../.cache/compiled')

export type SeedResult = RunResult | { readonly seed: number; readonly crashed: string }

export interface FleetOptions {
  /** Answers the next seed; undefined when there are enough. */
  next(): number | undefined
  result(result: SeedResult): void
  readonly jobs: number
  /** Of all runs, in place of what each seed draws. */
  readonly flavour?: Flavour | undefined
  /** More arguments for Node in each worker. */
  readonly execArgv?: readonly string[]
  /** A seed that takes more of a processor than that does not end: its worker is killed. (The machine may have other things to do.) */
  readonly limitCpuMs?: number
}

/** Resolves when every seed that was taken has been run. */
export async function runFleet(options: FleetOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.jobs }, () => runWorker(options)))
}

function runWorker(options: FleetOptions): Promise<void> {
  const { next, result, execArgv = [], flavour, limitCpuMs = Infinity } = options
  return new Promise((resolve) => {
    let seed = next()
    if (seed === undefined) return resolve()
    const env = { ...process.env, NODE_COMPILE_CACHE: COMPILED }
    const child = fork(join(import.meta.dirname, 'worker.ts'), { execArgv: [...execArgv], env })
    const kill = () => void child.kill('SIGKILL')
    process.once('exit', kill)
    let isLate = false
    let begunCpuMs = 0
    const send = (next: number) => {
      begunCpuMs = cpuMsOf(child.pid)
      child.send({ seed: next, flavour })
    }
    const watch = setInterval(() => {
      if (cpuMsOf(child.pid) - begunCpuMs < limitCpuMs) return
      isLate = true
      kill()
    }, LOOK_MS)
    send(seed)
    child.on('message', (said) => {
      result(said as SeedResult)
      seed = next()
      if (seed === undefined) child.disconnect()
      else send(seed)
    })
    child.on('exit', (code, signal) => {
      clearInterval(watch)
      process.off('exit', kill)
      // A worker that dies says something of the seed that it was at, too.
      if (seed !== undefined) {
        result({
          seed,
          crashed: isLate
            ? `no end after ${limitCpuMs / 1000} s of computing`
            : `the worker ended with ${signal ?? code}`,
        })
        return void runWorker(options).then(resolve)
      }
      resolve()
    })
  })
}

const TICKS_PER_S = 100

/** What a process has used of processors so far (proc(5): utime and stime); 0 when it is gone. */
function cpuMsOf(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
    return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_S
  } catch {
    return 0
  }
}
