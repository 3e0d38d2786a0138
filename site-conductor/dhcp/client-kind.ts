// Which firmware is asking, told apart by what it says of itself. Data, so that a new architecture is a new row.

/** IANA "Processor Architecture Types" (RFC 4578 §2.1 and its registry), those that machines boot with. */
const ARCHITECTURES = [
  { number: 0, firmware: 'bios', cpu: 'x86', loads: 'tftp' },
  { number: 6, firmware: 'uefi', cpu: 'ia32', loads: 'tftp' },
  { number: 7, firmware: 'uefi', cpu: 'x64', loads: 'tftp' },
  // 9 is "EBC" in RFC 4578, but x64 firmware sends it (RFC 4578 errata 4625).
  { number: 9, firmware: 'uefi', cpu: 'x64', loads: 'tftp' },
  { number: 10, firmware: 'uefi', cpu: 'arm32', loads: 'tftp' },
  { number: 11, firmware: 'uefi', cpu: 'arm64', loads: 'tftp' },
  { number: 15, firmware: 'uefi', cpu: 'ia32', loads: 'http' },
  { number: 16, firmware: 'uefi', cpu: 'x64', loads: 'http' },
  { number: 18, firmware: 'uefi', cpu: 'arm32', loads: 'http' },
  { number: 19, firmware: 'uefi', cpu: 'arm64', loads: 'http' },
] as const

type Architecture = (typeof ARCHITECTURES)[number]

/**
 * - `pxe`: network card or firmware that loads a file by TFTP
 * - `http`: UEFI HTTP boot, loads a URL
 * - `ipxe`: iPXE, from ROM or chained, that can run a script from a URL
 * - `other`: an operating system, or firmware of an unknown architecture; wants an address only
 */
export type ClientKind =
  | { kind: 'pxe' | 'http' | 'ipxe'; firmware: Architecture['firmware']; cpu: Architecture['cpu'] }
  | { kind: 'other' }

/** What a client says of itself in options 60, 77, 93 and 175. */
export interface ClientClaims {
  vendorClass?: string
  userClasses?: readonly string[]
  architectures?: readonly number[]
  /** Option 175 was there; `http` tells whether that iPXE can fetch over HTTP. */
  ipxe?: { http: boolean }
}

/** Total: anything that is not boot firmware known to the table is `other`. */
export function clientKind(claims: ClientClaims): ClientKind {
  const row = claims.architectures
    ?.map((number) => ARCHITECTURES.find((architecture) => architecture.number === number))
    .find((architecture) => architecture !== undefined)
  // Old BIOS ROMs leave option 93 out; the vendor class says the same ("PXEClient:Arch:00000:UNDI:002001").
  const { firmware, cpu } = row ?? ARCHITECTURES[0]
  if (isScriptableIpxe(claims)) return { kind: 'ipxe', firmware, cpu }
  const known = row !== undefined || claims.architectures === undefined
  if (!known) return { kind: 'other' }
  if (claims.vendorClass?.startsWith('HTTPClient') && row?.loads === 'http') return { kind: 'http', firmware, cpu }
  if (claims.vendorClass?.startsWith('PXEClient')) return { kind: 'pxe', firmware, cpu }
  return { kind: 'other' }
}

/** A vendor's iPXE without HTTP is treated as plain PXE: it chain-loads an iPXE that has it. */
function isScriptableIpxe({ userClasses, ipxe }: ClientClaims): boolean {
  if (ipxe !== undefined) return ipxe.http
  return userClasses?.includes('iPXE') ?? false
}
