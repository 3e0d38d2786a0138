// The nodes that this conductor was granted last, kept over lapses and restarts: whom a person at the site may act on while the cloud is
// away. Secrets in it are sealed to the site, as they came. It grants nothing: only break-glass (actions.ts) looks at it.
import { z } from 'zod'
import type { Env } from '../../shared/env.ts'
import { Grant } from '../../shared/protocol.ts'
import type { Disk } from '../disk.ts'
import { readJson, writeJson } from '../identity.ts'
import type { Log } from '../log.ts'

const FILE = 'roster.json'
/** Grants come in bursts; the file is written once after one. */
const WRITE_AFTER_MS = 2_000

const Stored = z.object({ leaseMs: z.number(), nodes: z.array(Grant) })

export class Roster {
  readonly #env: Env
  readonly #disk: Disk
  readonly #log: Log
  #nodes: readonly Grant[]
  leaseMs: number
  #timer: (() => void) | undefined
  #isClosed = false
  #writing = Promise.resolve()

  private constructor(env: Env, disk: Disk, log: Log, stored: z.infer<typeof Stored>) {
    this.#env = env
    this.#disk = disk
    this.#log = log
    this.#nodes = stored.nodes
    this.leaseMs = stored.leaseMs
  }

  /** A damaged file is an empty one: the next grants write it anew. */
  static async open(env: Env, disk: Disk, log: Log): Promise<Roster> {
    const stored = await readJson(disk, FILE, Stored).catch((error: unknown) => {
      log.warn('the list of nodes for local actions cannot be read', { error })
      return undefined
    })
    return new Roster(env, disk, log, stored ?? { leaseMs: 15_000, nodes: [] })
  }

  /** All that is granted now. */
  set(nodes: readonly Grant[], leaseMs: number): void {
    this.#nodes = nodes
    this.leaseMs = leaseMs
    if (this.#isClosed) return
    this.#timer ??= this.#env.setTimer(WRITE_AFTER_MS, () => this.#write())
  }

  /** By UUID or name. */
  find(ident: string): Grant | undefined {
    return this.#nodes.find(({ node, name }) => node === ident || name === ident)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#timer !== undefined) this.#write()
    await this.#writing
  }

  #write(): void {
    this.#timer?.()
    this.#timer = undefined
    const stored = { leaseMs: this.leaseMs, nodes: this.#nodes }
    this.#writing = this.#writing
      .then(() => writeJson(this.#disk, FILE, stored))
      .catch((error: unknown) => this.#log.warn('the list of nodes for local actions cannot be written', { error }))
  }
}
