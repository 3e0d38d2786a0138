// A conductor's journal seen from outside its process: counts the records by which the file grows, whoever writes them.
import { openSync, readSync, closeSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Before the JSON of a record: two numbers of eight digits, each with a space behind it (journal.ts). */
const HEAD_BYTES = 18
const POLL_MS = 1

export class JournalWatch {
  readonly #path: string
  #offset: number
  #rest = ''
  /** What the records were that came since the watch began. */
  readonly records: string[] = []

  /** Begins at the end that the journal has now. */
  constructor(conductorDir: string) {
    this.#path = join(conductorDir, 'journal')
    this.#offset = this.#size()
  }

  /** Resolves at the `count`-th record, with what it is; undefined when `over` aborts first. */
  async reach(count: number, over: AbortSignal): Promise<string | undefined> {
    for (;;) {
      this.look()
      if (this.records.length >= count) return this.records[count - 1]
      if (over.aborted) return undefined
      await sleep(POLL_MS)
    }
  }

  look(): void {
    const size = this.#size()
    // Compacted, or a torn end was cut off: what is there now was counted before.
    if (size < this.#offset) {
      this.#offset = size
      this.#rest = ''
    }
    if (size === this.#offset) return
    const bytes = Buffer.alloc(size - this.#offset)
    const file = openSync(this.#path, 'r')
    const read = readSync(file, bytes, 0, bytes.length, this.#offset)
    closeSync(file)
    this.#offset += read
    const lines = (this.#rest + bytes.toString('latin1', 0, read)).split('\n')
    this.#rest = lines.pop()!
    this.records.push(...lines.map(nameOf))
  }

  #size(): number {
    return statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0
  }
}

function nameOf(line: string): string {
  const { is, event } = JSON.parse(line.slice(HEAD_BYTES)) as { is: string; event?: { kind: string } }
  return event === undefined ? is : event.kind
}
