// What a Redfish BMC was told, in order: the judge of tests about double power actions, fencing and stale conductors.

export interface RedfishLogEntry {
  /** Id of the session; 'basic' without one, '' of a stranger. */
  readonly session: string
  readonly user: string
  readonly method: string
  readonly path: string
  /** What it was about: `ComputerSystem.Reset`, or the method and the resource's type: `PATCH Bios`. */
  readonly what: string
  /** Arguments in words. */
  readonly detail: string
  readonly status: number
}

export class RedfishLog {
  /** Everything but GET. */
  readonly entries: RedfishLogEntry[] = []
  reads = 0
  /** Requests with the token of a session that is no more, or never was. */
  strays = 0

  add(entry: RedfishLogEntry): void {
    if (entry.method === 'GET') this.reads++
    else this.entries.push(entry)
  }

  /** Of what was done, without what was refused. */
  of(what: string): RedfishLogEntry[] {
    return this.entries.filter((entry) => entry.what === what && entry.status < 300)
  }

  refused(): RedfishLogEntry[] {
    return this.entries.filter(({ status }) => status >= 400)
  }
}
