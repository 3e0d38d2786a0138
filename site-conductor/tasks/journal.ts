// What the truth has not heard yet: accepted tasks, unacknowledged events, unsettled results, what a person did at the site. An append-only file of
// checksummed lines (journal-lines.ts).
// 1. A promise of write() resolves when the record survives a loss of power; many records share one fsync. 2. A torn tail is cut off; a line
// that was damaged in the middle is lost by itself, and the file as it was is kept.
// 3. Replaying twice gives the same state. 4. After a failed write nothing is accepted any more: the kernel may have dropped the pages.
import { z } from 'zod'
import { crc32 } from '../../shared/ids.ts'
import { LocalAction, Outcome, StepEvent, ToConductor } from '../../shared/protocol.ts'
import type { Disk } from '../disk.ts'
import { line, readLines } from './journal-lines.ts'

const FILE = 'journal'
const COMPACT_ABOVE_BYTES = 1024 * 1024

export type Task = Extract<ToConductor, { type: 'task' }>
const Task = z.custom<Task>((value) => {
  const parsed = ToConductor.safeParse(value)
  return parsed.success && parsed.data.type === 'task'
})

const at = { id: z.string(), epoch: z.int() }
const Record = z.discriminatedUnion('is', [
  z.object({ is: z.literal('task'), task: Task }),
  z.object({ is: z.literal('event'), ...at, event: StepEvent }),
  z.object({ is: z.literal('result'), ...at, outcome: Outcome }),
  z.object({ is: z.literal('session'), ...at, bmcSession: z.string() }),
  z.object({ is: z.literal('acked'), id: z.string(), upTo: z.int() }),
  z.object({ is: z.literal('forget'), id: z.string() }),
  z.object({ is: z.literal('local'), action: LocalAction }),
])
type Record = z.infer<typeof Record>

/** What is known of one task. Events are in order of n; each has the epoch under which it happened. */
export interface Entry {
  task: Task
  events: { epoch: number; event: StepEvent }[]
  result?: { epoch: number; outcome: Outcome }
  /** In which its steps act at the BMC since the last one that needed it. */
  session?: { epoch: number; bmcSession: string }
}

export class Journal {
  readonly entries = new Map<string, Entry>()
  readonly locals = new Map<string, LocalAction>()
  /** Bytes of a torn or damaged tail that were cut off when the journal was opened. */
  cutBytes = 0
  /** What was lost before the tail when the journal was opened, and the file that has it still. */
  damage: { readonly bytes: number; readonly keptAs: string } | undefined
  readonly #disk: Disk
  #size = 0
  /** The size at which it is looked whether a snapshot would be smaller. */
  #lookAt = COMPACT_ABOVE_BYTES
  #waiting: { record: Record; resolve: () => void; reject: (error: unknown) => void }[] = []
  #flushing: Promise<void> | undefined
  /** Events, outcomes and actions that are not on the disk yet. */
  readonly #underWay = new Set<unknown>()
  #failed: Error | undefined

  private constructor(disk: Disk) {
    this.#disk = disk
  }

  static async open(disk: Disk): Promise<Journal> {
    const journal = new Journal(disk)
    const bytes = await disk.read(FILE)
    if (bytes === undefined) return journal
    const { values, end, damagedBytes } = readLines(bytes)
    for (const value of values) {
      // A record of another version is skipped, not fatal: the hub knows how to go on without it.
      const record = Record.safeParse(value)
      if (record.success) journal.#apply(record.data)
    }
    journal.cutBytes = bytes.length - end
    journal.#size = end
    if (damagedBytes > 0) await journal.#setAside(bytes, damagedBytes)
    else if (journal.cutBytes > 0) await disk.truncate(FILE, end)
    return journal
  }

  accept(task: Task): Promise<void> {
    return this.#write({ is: 'task', task })
  }
  event(id: string, epoch: number, event: StepEvent): Promise<void> {
    return this.#write({ is: 'event', id, epoch, event })
  }
  result(id: string, epoch: number, outcome: Outcome): Promise<void> {
    return this.#write({ is: 'result', id, epoch, outcome })
  }
  /** Before anything is done in it. */
  session(id: string, epoch: number, bmcSession: string): Promise<void> {
    return this.#write({ is: 'session', id, epoch, bmcSession })
  }
  acked(id: string, upTo: number): Promise<void> {
    return this.#write({ is: 'acked', id, upTo })
  }
  /** Before a person's action, and again with its outcome. */
  local(action: LocalAction): Promise<void> {
    return this.#write({ is: 'local', action })
  }
  forget(id: string): Promise<void> {
    return this.entries.has(id) || this.locals.has(id) ? this.#write({ is: 'forget', id }) : Promise.resolve()
  }

  /** Is this event, outcome or action on the disk? Before that nobody is told of it: whoever writes it tells when it is. */
  isDurable(part: StepEvent | Outcome | LocalAction): boolean {
    return !this.#underWay.has(part)
  }

  /** What acted last on the task's node, as far as is known here: in a session of this conductor, or before it was delivered. */
  bmcSessionOf(id: string): string | undefined {
    const entry = this.entries.get(id)
    return entry?.session?.bmcSession ?? entry?.task.bmcSession
  }

  /** Resolves when everything written so far is on disk. */
  async close(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing
  }

  async #setAside(bytes: Uint8Array, damagedBytes: number): Promise<void> {
    const keptAs = `${FILE}.damaged-${crc32(bytes).toString(16).padStart(8, '0')}`
    await this.#disk.replace(keptAs, bytes)
    const whole = this.#snapshot()
    await this.#disk.replace(FILE, whole)
    this.#size = whole.length
    this.damage = { bytes: damagedBytes, keptAs }
  }

  #apply(record: Record): void {
    if (record.is === 'local') this.locals.set(record.action.id, record.action)
    else apply(this.entries, record)
    if (record.is === 'forget') this.locals.delete(record.id)
  }

  #write(record: Record): Promise<void> {
    if (this.#failed !== undefined) return Promise.reject(this.#failed)
    this.#apply(record)
    this.#underWay.add(partOf(record))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, resolve, reject })
      this.#flushing ??= this.#flush()
    })
  }

  // Group commit: whatever arrives during one fsync shares the next.
  async #flush(): Promise<void> {
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const group = this.#waiting
      this.#waiting = []
      try {
        const bytes = Buffer.concat(group.map(({ record }) => line(record)))
        await this.#disk.append(FILE, bytes)
        this.#size += bytes.length
        for (const { record, resolve } of group) {
          this.#underWay.delete(partOf(record))
          resolve()
        }
        if (this.#size > this.#lookAt) await this.#compact()
      } catch (error) {
        this.#failed = new Error('the journal cannot be written', { cause: error })
        for (const { reject } of [...group, ...this.#waiting]) reject(this.#failed)
        this.#waiting = []
      }
    }
    this.#flushing = undefined
  }

  async #compact(): Promise<void> {
    // Records that wait for the next flush are in the snapshot already; written again they change nothing (invariant 3).
    const bytes = this.#snapshot()
    const isWorthIt = bytes.length <= this.#size / 2
    // A snapshot costs as much as there is to keep: before the next look at least a part of that has been written.
    this.#lookAt = Math.max(COMPACT_ABOVE_BYTES, 2 * bytes.length, isWorthIt ? 0 : 1.5 * this.#size)
    if (!isWorthIt) return
    await this.#disk.replace(FILE, bytes)
    this.#size = bytes.length
  }

  #snapshot(): Buffer {
    const locals = [...this.locals.values()].map((action) => ({ is: 'local' as const, action }))
    return Buffer.concat([...recordsOf(this.entries), ...locals].map(line))
  }
}

/** What others are told of it. */
function partOf(record: Record): unknown {
  if (record.is === 'event') return record.event
  if (record.is === 'result') return record.outcome
  return record.is === 'local' ? record.action : record
}

function recordsOf(entries: Map<string, Entry>): Record[] {
  return [...entries].flatMap(([id, { task, events, result, session }]) => [
    { is: 'task' as const, task },
    ...events.map((event) => ({ is: 'event' as const, id, ...event })),
    ...(session === undefined ? [] : [{ is: 'session' as const, id, ...session }]),
    ...(result === undefined ? [] : [{ is: 'result' as const, id, ...result }]),
  ])
}

function apply(entries: Map<string, Entry>, record: Exclude<Record, { is: 'local' }>): void {
  if (record.is === 'task') {
    const old = entries.get(record.task.id)
    entries.set(record.task.id, { ...old, task: record.task, events: keptEvents(old, record.task) })
    if (old?.result !== undefined && !isOurs(old.result.epoch, record.task)) delete entries.get(record.task.id)!.result
    if (old?.session !== undefined && !isOurs(old.session.epoch, record.task))
      delete entries.get(record.task.id)!.session
    return
  }
  const entry = entries.get(record.id)
  if (entry === undefined) return
  if (record.is === 'event') {
    const last = entry.events.at(-1)?.event.n ?? 0
    if (record.event.n <= last) entry.events = entry.events.filter(({ event }) => event.n !== record.event.n)
    entry.events.push({ epoch: record.epoch, event: record.event })
    if (record.event.n <= last) entry.events.sort((a, b) => a.event.n - b.event.n)
  } else if (record.is === 'result') entry.result = { epoch: record.epoch, outcome: record.outcome }
  else if (record.is === 'session') {
    const { task, events, result } = entry
    const session = { epoch: record.epoch, bmcSession: record.bmcSession }
    // Always in this order, so that what was read twice is the same to the byte.
    entries.set(record.id, { task, events, session, ...(result && { result }) })
  } else if (record.is === 'acked') entry.events = entry.events.filter(({ event }) => event.n > record.upTo)
  else entries.delete(record.id)
}

/**
 * Of the events that an earlier delivery of this task left behind, those that the hub has not and that nobody else can have
 * numbered differently: made since this conductor has owned the node without a break. The rest is dropped, which costs a
 * repeated step at most: a step reads before it acts.
 */
function keptEvents(old: Entry | undefined, task: Task): Entry['events'] {
  const kept: Entry['events'] = []
  for (const made of old?.events ?? []) {
    const expected = task.lastEvent + kept.length + 1
    if (made.event.n === expected && isOurs(made.epoch, task)) kept.push(made)
  }
  return kept
}

function isOurs(epoch: number, task: Task): boolean {
  return epoch === task.epoch || (task.since !== undefined && epoch >= task.since)
}
