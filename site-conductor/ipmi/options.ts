// What opens a session, with its defaults and limits.
import type { SuiteId } from './codec/suites.ts'
import type { Privilege } from './commands/session-privilege.ts'
import type { Env } from './env.ts'
import { IpmiError } from './errors.ts'
import type { Transport } from './transport.ts'

export interface SessionOptions {
  /** Name or address. */
  host: string
  /** Default 623. */
  port?: number
  /** At most 16 bytes; empty for the NULL user. */
  username: string
  /** At most 20 bytes. */
  password: string
  privilege: Privilege
  /** Default: 17, and 3 when the BMC refuses it. */
  cipherSuite?: SuiteId | undefined
  /** The BMC's key, at most 20 bytes; default: one-key login, the password. */
  kg?: Uint8Array | undefined
  /** How long to wait for the first answer, default 1,000; the n-th attempt waits n times as long. */
  timeoutMs?: number
  /** How often to send again after silence, default 4. */
  retries?: number
  /** How often to send again after "node busy", default 6. */
  busyRetries?: number
  /** The pause before the first of these, default 250; it doubles up to 2 s. */
  busyPauseMs?: number
  signal?: AbortSignal | undefined
  /** Called in the same turn before every packet of the handshake; what it throws ends it. For sessions that are to change something. */
  before?: (() => void) | undefined
  /** Default: a transport of its own, closed with the session. */
  transport?: Transport
  env?: Env
}

/** The options as the protocol wants them. */
export interface Login {
  /** For messages: "10.0.0.5:623". */
  bmc: string
  username: Buffer
  password: Buffer
  privilege: Privilege
  cipherSuite: SuiteId | undefined
  kg: Uint8Array | undefined
  timing: Timing
  signal: AbortSignal | undefined
  before: (() => void) | undefined
}

export interface Timing {
  timeoutMs: number
  retries: number
  busyRetries: number
  busyPauseMs: number
}

/** Throws IpmiError 'argument' for what no BMC could take (IPMI 2.0 §22.28, §22.30, §13.31). */
export function loginOf(options: SessionOptions): Login {
  const { host, port = 623, privilege, cipherSuite, kg, signal, before } = options
  const [username, password] = [Buffer.from(options.username), Buffer.from(options.password)]
  limit('user name', username.length, 16)
  limit('password', password.length, 20)
  limit('Kg', kg?.length ?? 0, 20)
  if (cipherSuite !== undefined && cipherSuite !== 3 && cipherSuite !== 17)
    throw new IpmiError('argument', `cipher suite ${String(cipherSuite)} is not supported: 3 or 17`)
  const { timeoutMs = 1_000, retries = 4, busyRetries = 6, busyPauseMs = 250 } = options
  const timing = { timeoutMs, retries, busyRetries, busyPauseMs }
  const bmc = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  return { bmc, username, password, privilege, cipherSuite, kg, timing, signal, before }
}

function limit(what: string, length: number, most: number): void {
  if (length > most) throw new IpmiError('argument', `the ${what} has ${length} bytes, IPMI takes at most ${most}`)
}
