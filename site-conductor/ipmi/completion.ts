// Completion codes (IPMI 2.0 §5.2, Table 5-2): texts, and which kind of error each is. Command specific codes (80h–BEh) are
// named by the command that may get them.
import type { IpmiErrorKind } from './errors.ts'

export const completion = {
  ok: 0x00,
  nodeBusy: 0xc0,
  invalidCommand: 0xc1,
  invalidLength: 0xc7,
  invalidField: 0xcc,
  initializing: 0xd2,
  insufficientPrivilege: 0xd4,
} as const

const texts: { readonly [code: number]: string } = {
  0xc0: 'node busy',
  0xc1: 'unknown command',
  0xc2: 'command not valid for this LUN',
  0xc3: 'the BMC timed out while it worked on the command',
  0xc4: 'out of space',
  0xc5: 'reservation cancelled or invalid',
  0xc6: 'request data truncated',
  0xc7: 'wrong length of request data',
  0xc8: 'request data too long',
  0xc9: 'parameter out of range',
  0xca: 'cannot return that many bytes',
  0xcb: 'sensor, data or record not present',
  0xcc: 'invalid data field in the request',
  0xcd: 'command not allowed for this sensor or record',
  0xce: 'response could not be provided',
  0xcf: 'cannot run a request twice',
  0xd0: 'SDR repository is being updated',
  0xd1: 'firmware is being updated',
  0xd2: 'BMC initialization in progress',
  0xd3: 'destination unavailable',
  0xd4: 'insufficient privilege',
  0xd5: 'not possible in the present state',
  0xd6: 'function disabled or unavailable',
  0xff: 'unspecified error',
}

export function completionText(code: number, specific: { readonly [code: number]: string } = {}): string {
  const oem = code >= 0x01 && code <= 0x7e ? 'OEM code' : 'unknown completion code'
  return `${specific[code] ?? texts[code] ?? oem} (completion code 0x${code.toString(16).padStart(2, '0')})`
}

/** Codes that say "not done, come again": worth another try, for mutations too. */
export function isBusy(code: number): boolean {
  return code === completion.nodeBusy || code === completion.initializing
}

export function completionKind(code: number): IpmiErrorKind {
  if (isBusy(code)) return 'busy'
  return code === completion.insufficientPrivilege ? 'privilege' : 'completion'
}
