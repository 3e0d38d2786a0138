// Config drives at the site: fetched before a task is accepted and kept until it has ended, so that a deployment does not need the cloud again.
// 1. They stay as they came, sealed. 2. A node has one at most: what a crash leaves behind is overwritten by the node's next one.
import { BLOB } from '../../shared/sealing.ts'
import type { Disk } from '../disk.ts'
import type { Task } from '../tasks/journal.ts'
import type { Log } from '../log.ts'

export class KeptBlobs {
  readonly #disk: Disk
  readonly #fetch: (key: string) => Promise<string>
  readonly #log: Log
  /** Key → node, and the fetch that is under way. */
  readonly #known = new Map<string, { node: string; done: Promise<void> }>()

  constructor(disk: Disk, fetch: (key: string) => Promise<string>, log: Log) {
    this.#disk = disk
    this.#fetch = fetch
    this.#log = log
  }

  /** Resolves when what the task will need is here. A failure is no news: the step that needs it tries again, and says why. */
  async ahead({ node, context, steps }: Pick<Task, 'node' | 'context' | 'steps'>): Promise<void> {
    if (!steps.some(({ step }) => step === 'write_configdrive')) return
    const drive = (context['instance_info'] as { configdrive?: unknown } | undefined)?.configdrive
    if (typeof drive !== 'string' || !drive.startsWith(BLOB)) return
    const key = drive.slice(BLOB.length)
    const known = this.#known.get(key)
    if (known !== undefined) return await known.done
    const done = this.#keep(key, node).catch((error: unknown) => {
      this.#known.delete(key)
      this.#log.warn('a config drive could not be fetched ahead', { node, error })
    })
    this.#known.set(key, { node, done })
    await done
  }

  readonly read = async (key: string): Promise<string> => {
    const known = this.#known.get(key)
    await known?.done
    return (known && (await this.#kept(key, known.node))) ?? (await this.#fetch(key))
  }

  /** One that cannot be removed is overwritten by the node's next one. */
  async drop(node: string): Promise<void> {
    for (const [key, known] of this.#known) {
      if (known.node !== node) continue
      this.#known.delete(key)
      await known.done
      await this.#disk
        .remove(fileOf(node))
        .catch((error: unknown) => this.#log.warn('a config drive could not be removed', { node, error }))
    }
  }

  async #keep(key: string, node: string): Promise<void> {
    if ((await this.#kept(key, node)) !== undefined) return
    await this.#disk.replace(fileOf(node), new TextEncoder().encode(`${key}\n${await this.#fetch(key)}`))
  }

  async #kept(key: string, node: string): Promise<string | undefined> {
    const bytes = await this.#disk.read(fileOf(node))
    const text = bytes && new TextDecoder().decode(bytes)
    return text?.startsWith(`${key}\n`) ? text.slice(key.length + 1) : undefined
  }
}

function fileOf(node: string): string {
  return `config-drive-${node.replace(/[^\w-]/g, '_')}`
}
