// The one error of the IPMI client. Invariant: `kind` is enough to decide what to do, `message` is enough to tell a person why.

export type IpmiErrorKind =
  /** Nothing answers at this address. */
  | 'timeout'
  /** The BMC stopped answering in a session that it had granted: expired there, or the BMC is gone. A read may be repeated in a new one. */
  | 'session-lost'
  /** User name, password or Kg are wrong. */
  | 'authentication'
  /** The user may not do this. */
  | 'privilege'
  /** No cipher suite in common. */
  | 'cipher'
  /** Out of sessions, or "node busy" (C0) for longer than we were willing to wait. Nothing was done. */
  | 'busy'
  /** The BMC refused the command: see completionCode. */
  | 'completion'
  /** The BMC answered something that the specification does not allow here. */
  | 'protocol'
  /** The caller's signal. */
  | 'aborted'
  /** The session or pool was closed by its owner. */
  | 'closed'
  /** The caller's arguments can not be sent. */
  | 'argument'

export class IpmiError extends Error {
  override readonly name = 'IpmiError'
  readonly kind: IpmiErrorKind
  /** Of 'completion', 'privilege' and 'busy' errors that came as a completion code. */
  readonly completionCode?: number

  constructor(kind: IpmiErrorKind, message: string, completionCode?: number) {
    super(message)
    this.kind = kind
    if (completionCode !== undefined) this.completionCode = completionCode
  }
}
