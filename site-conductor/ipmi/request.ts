// A command as the session takes it, and the options every call of the client has.

import type { Bridge } from './bridge.ts'

export interface Command {
  /** As in the specification, for error messages. */
  name: string
  netFn: number
  command: number
  data?: Uint8Array
  /**
   * `read`: asked again with a new request number when no answer comes. `idempotent`: a mutation that may arrive twice; sent again
   * with the same request number. `once`: never sent again after silence, since nobody knows whether it was done.
   */
  kind: 'read' | 'idempotent' | 'once'
  /** Texts of the command's own completion codes. */
  completions?: { readonly [code: number]: string }
  /** Of a command that is for a controller behind the BMC. */
  bridge?: Bridge | undefined
}

export interface RequestOptions {
  /**
   * Called in the same turn before every packet of the request, retransmissions included. What it throws refuses the packet: nothing
   * is sent, and the request fails with that very error.
   */
  before?: (() => void) | undefined
  signal?: AbortSignal | undefined
}

/** What commands need of a session. */
export interface Requester {
  /** Data of the answer after the completion code. Throws IpmiError. */
  request(command: Command, options?: RequestOptions): Promise<Uint8Array>
}
