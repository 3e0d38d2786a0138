// iPXE's script for a machine whose instance is on a volume: its volumes become drives by iSCSI, and the first of them is booted (RFC 4173 has the
// notation of their addresses). Names and secrets come from storage systems, so each is checked here, or written so that iPXE reads nothing into it.

/** One way to a volume. */
export interface VolumePath {
  /** An address, an IPv6 one without brackets, or a host's name. */
  readonly host: string
  readonly port: number
  readonly iqn: string
  readonly lun: number
}

export interface SanVolume {
  /** At least one; several are as many ways to the same blocks. */
  readonly paths: readonly VolumePath[]
  readonly chap?: { readonly username: string; readonly password: string }
}

export interface VolumeBoot {
  /** Absent: iPXE makes one from the machine's UUID. */
  readonly initiatorIqn?: string
  /** The first is booted. */
  readonly volumes: readonly SanVolume[]
}

/** The BIOS's number of the first drive; to UEFI it is a number like any other. */
const FIRST_DRIVE = 0x80
export const MOST_VOLUMES = 16
/** Of a CHAP name or secret. */
export const MOST_CHAP_BYTES = 255
const PAUSE_S = 10

/** A storage system may be away for longer than a machine takes to start, and the machine has nothing else to do: it tries for ever. Throws an Error. */
export function volumeScript({ initiatorIqn, volumes }: VolumeBoot): string {
  if (volumes.length === 0 || volumes.length > MOST_VOLUMES)
    throw new Error(`${volumes.length} volumes, of 1 to ${MOST_VOLUMES}`)
  const drives = volumes.map((volume, index) => ({ volume, drive: `0x${(FIRST_DRIVE + index).toString(16)}` }))
  const lines = [
    '#!ipxe',
    ...(initiatorIqn === undefined ? [] : [`set initiator-iqn ${checkedIqn(initiatorIqn)}`]),
    ':again',
    "echo Ferrule: booting this machine's volume",
    ...drives.flatMap(({ volume, drive }) => [
      ...credentials(volume),
      `sanhook --drive ${drive} ${volume.paths.map(iscsiUrl).join(' ')} || goto failed`,
    ]),
    // It is described to the system that boots, in the iBFT, since it was hooked.
    `sanboot --no-describe --drive ${drives[0]!.drive} || goto failed`,
    ':failed',
    ...drives.map(({ drive }) => `sanunhook --drive ${drive} ||`),
    `echo Ferrule: that failed, next attempt in ${PAUSE_S} s`,
    `sleep ${PAUSE_S}`,
    'goto again',
  ]
  return `${lines.join('\n')}\n`
}

/** `iscsi:<host>::<port>:<LUN in hex>:<name of the target>`. Throws an Error. */
export function iscsiUrl({ host, port, iqn, lun }: VolumePath): string {
  const isIPv6 = /^[0-9a-f:.]*:[0-9a-f:.]*$/i.test(host)
  if (!isIPv6 && !/^[a-z0-9]([a-z0-9.-]{0,252}[a-z0-9])?$/i.test(host))
    throw new Error(`not a host: ${JSON.stringify(host)}`)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`not a port: ${port}`)
  // SAM-5 §4.7.7.2: LUNs of one level have 14 bits.
  if (!Number.isInteger(lun) || lun < 0 || lun > 0x3fff) throw new Error(`not a LUN: ${lun}`)
  return `iscsi:${isIPv6 ? `[${host}]` : host}::${port}:${lun.toString(16)}:${checkedIqn(iqn)}`
}

/** RFC 3722 and RFC 7143 §4.2.7: at most 223 bytes of lower-case letters, digits, dashes, dots and colons; targets of old have others, too. */
export const isIscsiName = (iqn: string): boolean => /^(iqn|eui|naa)\.[A-Za-z0-9._:-]{1,219}$/.test(iqn)

function checkedIqn(iqn: string): string {
  if (isIscsiName(iqn)) return iqn
  throw new Error(`not a name of iSCSI: ${JSON.stringify(iqn)}`)
}

/** As bytes, so that a secret may have any characters. */
function credentials({ chap }: SanVolume): string[] {
  if (chap === undefined) return ['clear username ||', 'clear password ||']
  return [`set username:hex ${hex(chap.username)}`, `set password:hex ${hex(chap.password)}`]
}

function hex(text: string): string {
  const bytes = [...Buffer.from(text, 'utf8')]
  if (bytes.length === 0 || bytes.length > MOST_CHAP_BYTES)
    throw new Error(`a CHAP name or secret has 1 to ${MOST_CHAP_BYTES} bytes`)
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':')
}
