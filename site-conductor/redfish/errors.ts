// The one error of the Redfish client. Invariant: `kind` is enough to decide what to do, `message` is enough to tell a person why, and neither
// repeats a password, a token or more than a line of what a BMC said.

export type RedfishErrorKind =
  /** No connection, or an answer to a question that did not come in time. Nothing was changed. */
  | 'unreachable'
  /** A request that changes something has left, and no answer came: whether it was done is not known. */
  | 'unanswered'
  /** The certificate is not trusted, or TLS could not be agreed upon. */
  | 'tls'
  /** User name or password are wrong. */
  | 'authentication'
  /** The user may not do this. */
  | 'privilege'
  /** A session that the BMC had granted is there no more. */
  | 'session-lost'
  /** 503 for longer than we were willing to wait, or no session left. Nothing was done. */
  | 'busy'
  /** There is no such resource, property or action at this BMC. */
  | 'missing'
  /** The BMC refused: see `status` and `messageIds`. */
  | 'refused'
  /** The BMC answered something that the specification does not allow here. */
  | 'protocol'
  /** The caller's signal. */
  | 'aborted'
  /** The pool was closed by its owner. */
  | 'closed'
  /** The caller's arguments do not fit this BMC. */
  | 'argument'

export class RedfishError extends Error {
  override readonly name = 'RedfishError'
  readonly kind: RedfishErrorKind
  /** Of an answer. */
  readonly status: number | undefined
  /** `Base.1.8.ActionParameterValueConflict` and the like, without registry and version. */
  readonly messageIds: readonly string[]

  constructor(kind: RedfishErrorKind, message: string, more: { status?: number; messageIds?: readonly string[] } = {}) {
    super(message)
    this.kind = kind
    this.status = more.status
    this.messageIds = more.messageIds ?? []
  }
}
