// What the installer on a booting machine has told of itself (Ironic's agent_status): it has begun, it has come to its end, it has failed. It cannot be
// called back. 1. A report is accepted only when it is on record. 2. The first end, or failure, is the last word: what comes later is a repetition.

export interface InstallerReport {
  readonly status: 'start' | 'end' | 'error'
  /** For people; empty where it says nothing. */
  readonly message: string
}

export class InstallerReports {
  readonly #record: (report: InstallerReport) => Promise<void>
  #last: InstallerReport | undefined
  /** One after another, as they came. */
  #recorded: Promise<void> = Promise.resolve()
  readonly #listeners = new Set<() => void>()

  /** `record` resolves when the report is on record; `known`: what an earlier run heard last. */
  constructor(record: (report: InstallerReport) => Promise<void>, known?: InstallerReport) {
    this.#record = record
    this.#last = known
  }

  /** Resolves when it is on record, or was before. */
  async add(report: InstallerReport): Promise<void> {
    const added = this.#recorded.then(() => this.#add(report))
    this.#recorded = added.catch(() => undefined)
    await added
  }

  async #add(report: InstallerReport): Promise<void> {
    if (isLast(this.#last)) return
    await this.#record(report)
    this.#last = report
    for (const tell of this.#listeners) tell()
  }

  /** The first report, or with `last` the one that ends all, also when it came already. Rejects with the signal's reason. */
  async next(wanted: 'any' | 'last', signal: AbortSignal): Promise<InstallerReport> {
    signal.throwIfAborted()
    const isWanted = () => this.#last !== undefined && (wanted === 'any' || isLast(this.#last))
    if (!isWanted()) {
      const come = Promise.withResolvers<void>()
      const tell = () => void (isWanted() && come.resolve())
      const abort = () => come.reject(signal.reason as Error)
      this.#listeners.add(tell)
      signal.addEventListener('abort', abort, { once: true })
      await come.promise.finally(() => {
        this.#listeners.delete(tell)
        signal.removeEventListener('abort', abort)
      })
    }
    return this.#last!
  }
}

const isLast = (report: InstallerReport | undefined) => report?.status === 'end' || report?.status === 'error'
