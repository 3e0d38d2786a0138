// A folder with what boots are made from: kept while it is booted from and for some days after, within a size.
// 1. What is served, or was handed out within the hour, stays. 2. A file that is handed out again keeps its own time, by which its readers (ETag) and what is
// made from it know it; when it was used last is the time of a mark beside it.
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FaultError } from '../../shared/faults.ts'

export interface KeptFolderOptions {
  /** Absolute; this conductor's own, and made when it is needed. */
  readonly folder: string
  /** What it may take on the disk, with what is being made. */
  readonly maxBytes: number
  /** Is a machine being booted from the file at this path? */
  readonly isServed: (path: string) => boolean
}

interface Kept {
  readonly path: string
  readonly bytes: number
  readonly usedMs: number
}

const KEPT_MS = 7 * 86_400_000
const HANDED_OUT_MS = 3_600_000
/** Where it is not known how long a file will be, others are looked through once per so many bytes. */
const ROOM_STEP_BYTES = 16 * 1024 * 1024
const MARK = '.used'

export class KeptFolder {
  readonly #options: KeptFolderOptions
  /** By path: what files that are being made may come to. */
  readonly #making = new Map<string, number>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: KeptFolderOptions) {
    this.#options = options
  }

  /** Where a file of that name is, or may be made. */
  async path(name: string): Promise<string> {
    const { folder } = this.#options
    await mkdir(folder, { recursive: true, mode: 0o700 })
    return join(folder, name)
  }

  /** Names of what is there. */
  async names(): Promise<string[]> {
    return (await readdir(await this.path(''))).filter((name) => !name.endsWith(MARK))
  }

  /** To be called for what is handed out. False: it is not there. */
  async use(path: string): Promise<boolean> {
    return await this.#inTurn(async () => {
      if ((await found(path)) === undefined) return false
      await writeFile(path + MARK, new Date().toISOString())
      return true
    })
  }

  /**
   * Room for `bytes` at `path`, until `settle`: removes what nobody has used for days, and then what was used longest ago. Rejects with a FaultError where
   * what is in use leaves none.
   */
  async reserve(path: string, bytes: number): Promise<void> {
    if (bytes <= (this.#making.get(path) ?? -1)) return
    await this.#inTurn(() => this.#reserve(path, bytes))
  }

  settle(path: string): void {
    this.#making.delete(path)
  }

  /** One after another: of two that want the last room the first has it, and nothing goes while it is handed out. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => undefined)
    return await turn
  }

  async #reserve(path: string, bytes: number): Promise<void> {
    const { maxBytes, isServed } = this.#options
    const now = Date.now()
    const others = (await this.#kept()).filter((each) => each.path !== path && !this.#making.has(each.path))
    const making = this.#making.entries().reduce((sum, [other, each]) => sum + (other === path ? 0 : each), 0)
    let taken = others.reduce((sum, each) => sum + each.bytes, making + bytes)
    for (const each of others.toSorted((a, b) => a.usedMs - b.usedMs)) {
      const unusedMs = now - each.usedMs
      if (unusedMs < HANDED_OUT_MS || isServed(each.path)) continue
      if (taken <= maxBytes && unusedMs < KEPT_MS) continue
      await rm(each.path, { recursive: true, force: true })
      await rm(each.path + MARK, { force: true })
      taken -= each.bytes
    }
    if (taken > maxBytes)
      throw new FaultError('unavailable', `what is booted from leaves no room for ${bytes} bytes of ${maxBytes}`, {
        hint: 'set bootCacheGiB at the conductor',
      })
    this.#making.set(path, Math.min(bytes + ROOM_STEP_BYTES, bytes + maxBytes - taken))
  }

  async #kept(): Promise<Kept[]> {
    const kept = (await this.names()).map(async (name) => {
      const path = join(this.#options.folder, name)
      const [file, mark] = await Promise.all([found(path), found(path + MARK)])
      // Another one may have been faster.
      return file && { path, bytes: file.blocks * 512, usedMs: Math.max(file.mtimeMs, mark?.mtimeMs ?? 0) }
    })
    return (await Promise.all(kept)).filter((each) => each !== undefined)
  }
}

const found = (path: string) => stat(path).catch(() => undefined)
