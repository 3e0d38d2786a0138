// What a BMC's refusal in the handshake means (IPMI 2.0 Table 13-15).
import { rakpStatus, rakpStatusText } from './codec/rakp-status.ts'
import { IpmiError, type IpmiErrorKind } from './errors.ts'
import type { Login } from './options.ts'

/** The BMC refuses the cipher suite: another may do. For callers who asked for this suite it is an IpmiError like others. */
export class SuiteRefused extends IpmiError {}

const statusKinds: { readonly [status: number]: IpmiErrorKind } = {
  [rakpStatus.noSessionLeft]: 'busy',
  [rakpStatus.noSessionLeftAtRole]: 'busy',
  [rakpStatus.invalidAuthentication]: 'cipher',
  [rakpStatus.invalidIntegrity]: 'cipher',
  [rakpStatus.invalidConfidentiality]: 'cipher',
  [rakpStatus.noSuite]: 'cipher',
  [rakpStatus.invalidRole]: 'privilege',
  [rakpStatus.unauthorizedPrivilege]: 'privilege',
  [rakpStatus.invalidNameLength]: 'authentication',
  [rakpStatus.unauthorizedName]: 'authentication',
  [rakpStatus.invalidCheckValue]: 'authentication',
}

/** The error for a status other than 0 that the BMC answered to `step`. */
export function refusal(login: Login, step: string, status: number): IpmiError {
  const kind = statusKinds[status] ?? 'protocol'
  const user = kind === 'authentication' || kind === 'privilege' ? ` of user "${login.username}"` : ''
  const message = `${login.bmc} refused ${step}${user}: ${rakpStatusText(status)}`
  // "Invalid role" too: BMCs use it of a suite that has no privilege level on their channel (Ironic falls back on it as well).
  return kind === 'cipher' || status === rakpStatus.invalidRole
    ? new SuiteRefused(kind, message)
    : new IpmiError(kind, message)
}
