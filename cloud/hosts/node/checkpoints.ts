// Checkpoints of a database in WAL mode (sqlite.org/wal.html), beside the event loop. SQLite by itself makes one at the end of whichever commit
// fills a thousand pages: two syncs and a thousand writes for which every request and frame would have to wait, up to a tenth of a second.
import Database from 'libsql/promise'

/** From a commit to the checkpoint that its pages are in, at least: pages that are written again and again are copied once. */
const AFTER_MS = 2000
/** Pages of 4 KiB. A log as long as this, since somebody wrote during each checkpoint, is emptied while writers wait for the rest of it. */
const LONG_LOG = 16_384
/** So long may writers have to wait for a reader of the old state (a backup, a person's shell) that keeps a long log from being emptied... */
const WAIT_MS = 50
/** ...and so long is nothing else tried then but what makes nobody wait. */
const PAUSE_MS = 60_000

interface Connection {
  prepare(sql: string): Promise<{ all(): Promise<{ busy: number; log: number; checkpointed: number }[]> }>
  close(): Promise<void>
}

/** The checkpoints of the file at `path`, made on a thread of the library by a connection of its own, and only after commits. */
export class Checkpoints {
  readonly #connection: Connection
  readonly #failed: (error: unknown) => void
  #pausedUntil = 0
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined

  /** `failed` hears of a checkpoint that was not possible: nothing is lost then, but the log grows. */
  constructor(path: string, failed: (error: unknown) => void) {
    this.#connection = new Database(path, { timeout: WAIT_MS }) as unknown as Connection
    this.#failed = failed
  }

  /** To be called after each commit. */
  committed(): void {
    this.#timer ??= setTimeout(() => {
      this.#running = this.#checkpoint()
        .catch(this.#failed)
        .finally(() => (this.#timer = undefined))
    }, AFTER_MS).unref()
  }

  /** Resolves when no checkpoint is under way. */
  async settled(): Promise<void> {
    await this.#running
  }

  /** Resolves when no checkpoint is under way and the connection is closed. */
  async close(): Promise<void> {
    clearTimeout(this.#timer)
    await this.settled()
    await this.#connection.close()
  }

  async #checkpoint(): Promise<void> {
    const [passive] = await this.#run('PASSIVE')
    if (passive === undefined || passive.log <= LONG_LOG || performance.now() < this.#pausedUntil) return
    const [restart] = await this.#run('RESTART')
    if (restart?.busy !== 0) this.#pausedUntil = performance.now() + PAUSE_MS
  }

  async #run(mode: 'PASSIVE' | 'RESTART') {
    const statement = await this.#connection.prepare(`PRAGMA wal_checkpoint(${mode})`)
    return await statement.all()
  }
}
