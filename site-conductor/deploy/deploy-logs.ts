// What agents say of machines whose work has failed (Ironic's deploy logs): archives in a folder of this conductor. 1. They stay at the site: the timeline says
// which file has them. 2. The folder is bounded in size and number, the oldest go first. 3. Whatever comes of it, the work ends as it would have.
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Fault, FaultError, toFault } from '../../shared/faults.ts'
import { startCommand, waitForCommand } from '../agents/agent-client.ts'
import type { StepContext } from '../driver.ts'
import { agentOf, type AgentOptions } from './perform.ts'
import { deployContext } from './task-context.ts'
import { Turns } from './turns.ts'

/** Ironic's `deploy_logs_collect`. */
export const COLLECT = ['on_failure', 'always', 'never'] as const

export interface DeployLogsOptions {
  readonly folder: string
  readonly collect: (typeof COLLECT)[number]
  readonly maxBytes: number
  readonly maxFiles: number
}

/** A write to the disk comes to its end. */
const FOREVER = new AbortController().signal

export class DeployLogs {
  readonly #options: DeployLogsOptions
  readonly #turns = new Turns(1)

  constructor(options: DeployLogsOptions) {
    this.#options = options
  }

  get onFailure(): boolean {
    return this.#options.collect !== 'never'
  }

  get always(): boolean {
    return this.#options.collect === 'always'
  }

  /** Answers the path of the file. One after another: what fails on many machines fails at the same time. */
  async keep(name: string, archive: Uint8Array): Promise<string> {
    return await this.#turns.run(FOREVER, () => this.#keep(name, archive))
  }

  async #keep(name: string, archive: Uint8Array): Promise<string> {
    const { folder, maxBytes, maxFiles } = this.#options
    if (archive.length > maxBytes)
      throw new FaultError('request.too_large', `an archive of ${archive.length} bytes is more than may be kept`)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    await this.#makeRoom(maxBytes - archive.length, maxFiles - 1)
    const path = join(folder, name)
    await writeFile(path, archive, { mode: 0o600 })
    return path
  }

  async #makeRoom(maxBytes: number, maxFiles: number): Promise<void> {
    const { folder } = this.#options
    const names = (await readdir(folder)).filter((name) => name.endsWith('.tar.gz'))
    const files = await Promise.all(
      names.map(async (name) => {
        const { size, mtimeMs } = await stat(join(folder, name))
        return { name, size, mtimeMs }
      }),
    )
    files.sort((a, b) => b.mtimeMs - a.mtimeMs || b.name.localeCompare(a.name))
    let bytes = 0
    for (const [i, { name, size }] of files.entries()) {
      bytes += size
      if (i >= maxFiles || bytes > maxBytes) await rm(join(folder, name), { force: true })
    }
  }
}

/** Ironic's name: UUID and name of the node, UUID of its instance, `cleaning` for that, UTC. */
export function logsName({ node, task, env }: Pick<StepContext<unknown>, 'node' | 'task' | 'env'>): string {
  const { instance_uuid: instance } = task.context
  const time = new Date(env.now()).toISOString().slice(0, 19).replace('T', '-').replaceAll(':', '-')
  const parts = [node.node, node.name, instance, task.kind === 'clean' && 'cleaning', time]
  const said = parts.filter((part) => typeof part === 'string' && part !== '') as string[]
  return `${said.map((part) => part.replaceAll(/[^\w.-]/g, '-')).join('_')}.tar.gz`
}

const GONE: readonly Fault['code'][] = ['agent.lost', 'agent.no_call']

/** Asks the agent for its logs, where the conductor wants them and there is an agent. `failure`: what has failed; undefined: nothing. */
export async function collectLogs<Info>(
  context: StepContext<Info>,
  options: AgentOptions<Info>,
  failure: Fault | undefined,
): Promise<void> {
  const { deployLogs: logs } = context.site
  const wanted = failure === undefined ? logs?.always : logs?.onFailure && !GONE.includes(failure.code)
  if (!logs || !wanted || deployContext(context as StepContext<unknown>).agent_url === undefined) return
  try {
    const agent = await agentOf(context, options)
    const { system_logs: archive } = await waitForCommand(
      agent,
      await startCommand(agent, 'log.collect_system_logs', {}),
    )
    if (typeof archive !== 'string') throw new FaultError('agent.command', 'the agent has answered without logs')
    const bytes = Buffer.from(archive, 'base64')
    const file = await logs.keep(logsName(context as StepContext<unknown>), bytes)
    context.note('agent.logs', { file, bytes: bytes.length })
  } catch (error) {
    context.signal.throwIfAborted()
    context.note('agent.logs_missing', { why: toFault(error).message })
  }
}
