// `npm run bench -- api`. The benchmark is a program of the Node host (hosts/node/bench-api.ts), since core code knows no host; it runs in a
// process of its own and prints its result as the last line.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

export interface ApiBench {
  readonly name: string
  readonly figure: number
  readonly unit: string
  readonly anchor: number
  readonly anchorName: string
  readonly ratio: number
  readonly goal: number
  readonly floor: number
  readonly text: string
}

/** Requests per CPU second of the embedded server beside Ironic's (goals P1). Throws when it could not be measured. */
export async function run(): Promise<ApiBench> {
  const program = join(import.meta.dirname, 'hosts/node/bench-api.ts')
  const { status, stdout } = spawnSync(process.execPath, [program], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error(`the benchmark ended with ${status}`)
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as ApiBench
}
