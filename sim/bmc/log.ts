// What a BMC was told, in order: the judge of tests about double power actions, fencing and stale conductors.

export interface LogEntry {
  atMs: number
  /** BMC-side session id; 0 outside a session. */
  session: number
  user: string
  /** Level the session worked at: 1 callback … 4 administrator. */
  privilege: number
  /** Request number (rqSeq, 0–63): a repetition of a mutation has that of the original. */
  number: number
  /** As in the specification: "Chassis Control". */
  command: string
  /** Arguments in words, and what came of it when it was refused. */
  detail: string
}

export class CommandLog {
  readonly entries: LogEntry[] = []
  /** How often this BMC switched a machine from off to on (a cycle of a running one counts). */
  offToOn = 0
  /** Datagrams in sessions that are no more, or never were: not answered. */
  strays = 0
  readonly #keepReads: boolean

  /** `keepReads`: false keeps long benchmarks from filling memory with polls. */
  constructor(keepReads: boolean) {
    this.#keepReads = keepReads
  }

  add(entry: LogEntry, mutation: boolean): void {
    if (mutation || this.#keepReads) this.entries.push(entry)
  }

  /** Entries of one command: `log.of('Chassis Control')`. */
  of(command: string): LogEntry[] {
    return this.entries.filter((entry) => entry.command === command)
  }
}
