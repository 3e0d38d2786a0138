// Archives in cpio's "newc" format, which the kernel unpacks as its first file system (Documentation/driver-api/early-userspace/buffer-format.rst):
// each entry is 110 bytes of ASCII header, the name with a NUL, and the content, both padded to 4 bytes; "TRAILER!!!" ends it.
// The same entries give the same bytes: inode numbers count up, times are 0, everything belongs to root.

export type Entry =
  | { path: string; kind: 'folder' }
  | { path: string; kind: 'file'; content: Uint8Array; mode: number }
  | { path: string; kind: 'link'; target: string }
  | { path: string; kind: 'device'; major: number; minor: number }

const pad = (bytes: number) => Buffer.alloc((4 - (bytes % 4)) % 4)

function encodeEntry(
  name: string,
  inode: number,
  mode: number,
  content: Uint8Array,
  device: [number, number] = [0, 0],
): Buffer[] {
  const nameBytes = Buffer.from(`${name}\0`)
  const links = 1
  const fields = [inode, mode, 0, 0, links, 0, content.length, 0, 0, ...device, nameBytes.length, 0]
  const header = Buffer.from(`070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`)
  return [
    header,
    nameBytes,
    pad(header.length + nameBytes.length),
    Buffer.from(content.buffer, content.byteOffset, content.length),
    pad(content.length),
  ]
}

/** Entries in order; folders must come before what is in them. Paths are relative to the root, without a leading slash. */
export function encodeArchive(entries: readonly Entry[]): Buffer {
  const none = Buffer.alloc(0)
  const parts = entries.flatMap((entry, index) => {
    const inode = index + 1
    switch (entry.kind) {
      case 'folder':
        return encodeEntry(entry.path, inode, 0o040755, none)
      case 'file':
        return encodeEntry(entry.path, inode, 0o100000 | entry.mode, entry.content)
      case 'link':
        return encodeEntry(entry.path, inode, 0o120777, Buffer.from(entry.target))
      case 'device':
        return encodeEntry(entry.path, inode, 0o020600, none, [entry.major, entry.minor])
    }
  })
  return Buffer.concat([...parts, ...encodeEntry('TRAILER!!!', 0, 0, none)])
}

/** Adds the folders that the entries' paths need, each once and before its content; sorts by path. */
export function withFolders(entries: readonly Entry[]): Entry[] {
  const all = new Map<string, Entry>(entries.map((entry) => [entry.path, entry]))
  for (const { path } of entries) {
    const names = path.split('/')
    for (let depth = 1; depth < names.length; depth++) {
      const folder = names.slice(0, depth).join('/')
      if (!all.has(folder)) all.set(folder, { path: folder, kind: 'folder' })
    }
  }
  return [...all.values()].sort((a, b) => (a.path < b.path ? -1 : 1))
}
