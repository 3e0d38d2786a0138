// Writes a cpio archive in the "new ASCII" format, which the kernel unpacks as an initramfs
// (Documentation/driver-api/early-userspace/buffer-format.rst). Device nodes need no root here: they are only bytes.

export type CpioEntry =
  | { readonly path: string; readonly kind: 'directory' }
  | { readonly path: string; readonly kind: 'file'; readonly bytes: Uint8Array; readonly mode: number }
  | { readonly path: string; readonly kind: 'link'; readonly target: string }
  | { readonly path: string; readonly kind: 'character-device'; readonly major: number; readonly minor: number }

const MODE = { directory: 0o040755, file: 0o100000, link: 0o120777, 'character-device': 0o020600 } as const

/** The archive; directories must come before what is in them. Owner root, time 0. */
export function cpioArchive(entries: readonly CpioEntry[]): Uint8Array {
  const records = entries.map((entry, index) => record(entry, index + 1))
  return Buffer.concat([...records, header({ path: 'TRAILER!!!' })])
}

function record(entry: CpioEntry, inode: number): Uint8Array {
  const mode = MODE[entry.kind] | (entry.kind === 'file' ? entry.mode : 0)
  const bytes = entry.kind === 'file' ? entry.bytes : Buffer.from(entry.kind === 'link' ? entry.target : '')
  const device = entry.kind === 'character-device' ? entry : { major: 0, minor: 0 }
  const head = header({ path: entry.path, inode, mode, size: bytes.length, major: device.major, minor: device.minor })
  return Buffer.concat([head, bytes, fill(bytes.length)])
}

interface Header {
  readonly path: string
  readonly inode?: number
  readonly mode?: number
  readonly size?: number
  readonly major?: number
  readonly minor?: number
}

function header({ path, inode = 0, mode = 0, size = 0, major = 0, minor = 0 }: Header): Uint8Array {
  const name = Buffer.from(`${path}\0`)
  // inode, mode, uid, gid, links, time, size, device (2), represented device (2), name length, checksum
  const fields = [inode, mode, 0, 0, 1, 0, size, 0, 0, major, minor, name.length, 0]
  const text = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`
  return Buffer.concat([Buffer.from(text), name, fill(text.length + name.length)])
}

const fill = (length: number) => new Uint8Array((4 - (length % 4)) % 4)
