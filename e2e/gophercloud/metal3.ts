// The controller of Metal3's hosts: asks the operator for turn after turn, as Kubernetes does, until there is no more to do.
import { setTimeout as sleep } from 'node:timers/promises'
import { GopherError, type Gopher } from './gophercloud.ts'

export interface Outcome {
  readonly id?: string
  readonly dirty: boolean
  readonly delay: number
  /** What a person is told; the work is over. */
  readonly problem?: string
  readonly started: boolean
  readonly details?: unknown
}

/** What the operator knows of a host (metal3_host.go). */
export interface Host {
  readonly Namespace: string
  readonly Name: string
  readonly UID: string
  ID?: string
  readonly MAC: string
  readonly Driver: string
  readonly Interfaces: Readonly<Record<string, string>>
  readonly DriverInfo: Readonly<Record<string, unknown>>
  readonly BootMode: 'UEFI' | 'UEFISecureBoot' | 'legacy'
  readonly Arch: string
  readonly DeployImage?: Readonly<Record<string, string | null>>
  readonly NetworkData?: Readonly<Record<string, unknown>>
  readonly AutomatedClean: boolean
  readonly DisablePowerOff?: boolean
}

/** Instead of the ten seconds between two turns of a host that is busy. */
const PAUSE_MS = 25
const MOST_TURNS = 2_000

export class Metal3 {
  readonly gopher: Gopher
  readonly host: Host
  constructor(gopher: Gopher, host: Host) {
    this.gopher = gopher
    this.host = host
  }

  /** One turn. Rejects with a GopherError where the operator would try again with an error in its log. */
  async turn(verb: string, args: Record<string, unknown> = {}): Promise<Outcome> {
    const outcome = await this.gopher.call<Outcome>(`metal3.${verb}`, { Host: this.host, ...args })
    if (outcome.id) this.host.ID = outcome.id
    return outcome
  }

  /** Turns until there is nothing to do, or a person must look. `args` may depend on whether the work was started. */
  async until(verb: string, args: (started: boolean) => Record<string, unknown> = () => ({})): Promise<Outcome> {
    let started = false
    for (let turn = 0; turn < MOST_TURNS; turn++) {
      const outcome = await this.turn(verb, args(started))
      started ||= outcome.started
      if (!outcome.dirty) return { ...outcome, started }
      if (outcome.delay > 0) await sleep(PAUSE_MS)
    }
    throw new Error(`${verb} did not end in ${MOST_TURNS} turns`)
  }

  /** As `until`; a problem is an error. */
  async done(verb: string, args?: (started: boolean) => Record<string, unknown>): Promise<Outcome> {
    const outcome = await this.until(verb, args)
    if (outcome.problem) throw new Error(`${verb}: ${outcome.problem}`)
    return outcome
  }

  /** RAID, BIOS and firmware: unprepared until it was started. */
  prepare(verb: 'prepare' | 'service', what: Record<string, unknown>): Promise<Outcome> {
    return this.done(verb, (started) => ({ ...what, Unprepared: !started }))
  }

  /** What the class of the error is, where the call is refused. */
  async refused(call: Promise<unknown>): Promise<GopherError> {
    return await call.then(
      () => Promise.reject(new Error('it was not refused')),
      (error: unknown) => (error instanceof GopherError ? error : Promise.reject(error)),
    )
  }
}
