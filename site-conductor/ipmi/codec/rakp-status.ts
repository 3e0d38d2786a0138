// RMCP+ and RAKP status codes (IPMI 2.0 §13.24, Table 13-15).

export const rakpStatus = {
  ok: 0x00,
  noSessionLeft: 0x01,
  invalidSession: 0x02,
  invalidAuthentication: 0x04,
  invalidIntegrity: 0x05,
  invalidRole: 0x09,
  unauthorizedPrivilege: 0x0a,
  noSessionLeftAtRole: 0x0b,
  invalidNameLength: 0x0c,
  unauthorizedName: 0x0d,
  invalidCheckValue: 0x0f,
  invalidConfidentiality: 0x10,
  noSuite: 0x11,
  illegalParameter: 0x12,
} as const

const texts: { readonly [status: number]: string } = {
  0x00: 'no error',
  0x01: 'it has no free session',
  0x02: 'invalid session id',
  0x03: 'invalid payload type',
  0x04: 'it does not know the authentication algorithm',
  0x05: 'it does not know the integrity algorithm',
  0x06: 'no matching authentication payload',
  0x07: 'no matching integrity payload',
  0x08: 'inactive session id',
  0x09: 'invalid role',
  0x0a: 'the user may not have the privilege level that was asked for',
  0x0b: 'it has no free session at this privilege level',
  0x0c: 'invalid length of the user name',
  0x0d: 'it does not know the user name',
  0x0e: 'unauthorized GUID',
  0x0f: 'invalid integrity check value',
  0x10: 'it does not know the confidentiality algorithm',
  0x11: 'no cipher suite matches the proposed algorithms',
  0x12: 'illegal or unrecognized parameter',
}

/** For people: "it does not know the user name (RAKP status 0x0d)". */
export function rakpStatusText(status: number): string {
  return `${texts[status] ?? 'unknown reason'} (RAKP status 0x${status.toString(16).padStart(2, '0')})`
}
