// Writes small ISO 9660 volumes. Pure and deterministic: the same files and time give the same bytes.
// Of ECMA-119: a primary descriptor with level 1 identifiers, L and M path tables, one extent for each file; no extended
// attributes, no volume sets. A Joliet tree (supplementary descriptor) stands beside it and shares the file extents;
// iso9660-names.ts tells how the two name things.
import { joliet, primary } from './iso9660-names.ts'
import type { Naming } from './iso9660-names.ts'
import { IsoError, SECTOR, bothEndian16, bothEndian32, longDate, padded, shortDate } from './iso9660-fields.ts'

export { IsoError } from './iso9660-fields.ts'

/** A file of the volume; `path` is relative, with `/` between names. */
export interface IsoFile {
  readonly path: string
  readonly bytes: Uint8Array
}

export interface IsoOptions {
  /** Volume identifier: 1 to 16 characters, the Joliet limit. */
  readonly label: string
  /** Every date in the volume, to the second, in UTC. */
  readonly time: Date
}

interface File {
  readonly name: string
  readonly bytes: Uint8Array
  sector: number
}

interface Directory {
  readonly name: string
  readonly parent: Directory
  readonly directories: Map<string, Directory>
  readonly files: Map<string, File>
}

/** Where one naming puts a directory, and its children in recorded order. */
interface Placed {
  readonly directory: Directory
  readonly identifier: Uint8Array
  readonly number: number
  readonly parent: Placed
  readonly children: readonly { identifier: Uint8Array; systemUse: Uint8Array; child: File | Directory }[]
  readonly byteLength: number
  sector: number
}

const NAME = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$/
const MAX_DEPTH = 8 // ECMA-119 §6.8.2.1
const SYSTEM_AREA = 16
const DIRECTORY_FLAG = 0x02

/** The volume as one array, a whole number of 2048-byte sectors. Throws IsoError for a name that is not portable. */
export function buildIso(files: readonly IsoFile[], { label, time }: IsoOptions): Uint8Array {
  if (!/^[A-Za-z0-9_-]{1,16}$/.test(label))
    throw new IsoError(`"${label}" is not a label of 1 to 16 of A-Z a-z 0-9 _ -`)
  const root = plant(files)
  const trees = [new Tree(root, primary), new Tree(root, joliet)]
  let sector = SYSTEM_AREA + trees.length + 1
  for (const tree of trees) sector = tree.settle(sector)
  for (const file of allFiles(root)) {
    file.sector = sector
    sector += Math.ceil(file.bytes.length / SECTOR)
  }

  const volume = new Uint8Array(sector * SECTOR)
  const put = (bytes: Uint8Array, at: number) => volume.set(bytes, at * SECTOR)
  trees.forEach((tree, index) => put(tree.descriptor(label, sector, time), SYSTEM_AREA + index))
  put(Uint8Array.of(255, 0x43, 0x44, 0x30, 0x30, 0x31, 1), SYSTEM_AREA + trees.length) // terminator, ECMA-119 §8.3
  for (const tree of trees) tree.write(put, time)
  for (const file of allFiles(root)) put(file.bytes, file.sector)
  return volume
}

function plant(files: readonly IsoFile[]): Directory {
  const root = newDirectory('')
  for (const { path, bytes } of files) {
    const names = path.split('/')
    if (names.length >= MAX_DEPTH || names.some((name) => !NAME.test(name))) {
      throw new IsoError(`"${path}" is not a portable relative path`)
    }
    const last = names.pop() ?? ''
    let directory = root
    for (const name of names) {
      if (directory.files.has(name)) throw new IsoError(`"${path}" goes through a file`)
      const next = directory.directories.get(name) ?? newDirectory(name, directory)
      directory.directories.set(name, next)
      directory = next
    }
    if (directory.files.has(last) || directory.directories.has(last)) throw new IsoError(`"${path}" is there twice`)
    directory.files.set(last, { name: last, bytes, sector: 0 })
  }
  return root
}

function newDirectory(name: string, parent?: Directory): Directory {
  const directory = { name, directories: new Map<string, Directory>(), files: new Map<string, File>() }
  return Object.assign(directory, { parent: parent ?? (directory as Directory) }) // the root is its own parent
}

function* allFiles(directory: Directory): Generator<File> {
  yield* directory.files.values()
  for (const below of directory.directories.values()) yield* allFiles(below)
}

const isDirectory = (child: File | Directory): child is Directory => 'files' in child

/** The directories under one naming, in path table order: by level, then parent, then identifier (ECMA-119 §6.9.1). */
class Tree {
  readonly #naming: Naming
  readonly #placed: Placed[] = []
  #tableSector = 0

  constructor(root: Directory, naming: Naming) {
    this.#naming = naming
    this.#place(root, Uint8Array.of(0), null)
    for (const parent of this.#placed) {
      for (const { child, identifier } of parent.children)
        if (isDirectory(child)) this.#place(child, identifier, parent)
    }
  }

  /** Reserves sectors for both path tables and the directories from `sector` on; returns the next free one. */
  settle(sector: number): number {
    this.#tableSector = sector
    let next = sector + 2 * this.#tableSectors
    for (const placed of this.#placed) {
      placed.sector = next
      next += placed.byteLength / SECTOR
    }
    return next
  }

  write(put: (bytes: Uint8Array, sector: number) => void, time: Date): void {
    put(this.#pathTable(true), this.#tableSector)
    put(this.#pathTable(false), this.#tableSector + this.#tableSectors)
    for (const placed of this.#placed) put(this.#directory(placed, time), placed.sector)
  }

  /** Primary or supplementary volume descriptor (ECMA-119 §8.4, §8.5). */
  descriptor(label: string, volumeSectors: number, time: Date): Uint8Array {
    const { descriptorType, escapeSequence, text } = this.#naming
    const tableBytes = this.#pathTable(true).length
    const number32 = (value: number, little: boolean) => {
      const bytes = new Uint8Array(4)
      new DataView(bytes.buffer).setUint32(0, value, little)
      return bytes
    }
    const blank = (length: number) => text('', length)
    const date = longDate(time)
    const never = Uint8Array.of(...new TextEncoder().encode('0'.repeat(16)), 0)
    return padded(
      [
        Uint8Array.of(descriptorType, 0x43, 0x44, 0x30, 0x30, 0x31, 1, 0), // type, "CD001", version, flags
        blank(32), // system
        text(label, 32),
        new Uint8Array(8),
        bothEndian32(volumeSectors),
        padded([escapeSequence], 32),
        bothEndian16(1), // volumes in the set
        bothEndian16(1), // number of this volume
        bothEndian16(SECTOR),
        bothEndian32(tableBytes),
        number32(this.#tableSector, true),
        number32(0, true),
        number32(this.#tableSector + this.#tableSectors, false),
        number32(0, false),
        this.#record(Uint8Array.of(0), this.#root, new Uint8Array(0), time),
        blank(128), // volume set
        blank(128), // publisher
        blank(128), // data preparer
        blank(128), // application
        blank(37), // copyright file
        blank(37), // abstract file
        blank(37), // bibliographic file
        date, // created
        date, // modified
        never, // expires
        date, // effective
        Uint8Array.of(1), // file structure version
      ],
      SECTOR,
    )
  }

  get #root(): Placed {
    const [root] = this.#placed
    if (root === undefined) throw new IsoError('a volume without a root')
    return root
  }

  get #tableSectors(): number {
    return Math.ceil(this.#pathTable(true).length / SECTOR)
  }

  #place(directory: Directory, identifier: Uint8Array, parent: Placed | null): void {
    const taken = new Set<string>()
    const children = [...directory.directories.values(), ...directory.files.values()].map((child) => ({
      child,
      identifier: this.#naming.identifier(child.name, isDirectory(child), taken),
      systemUse: this.#naming.systemUse(isDirectory(child) ? 'directory' : 'file', child.name),
    }))
    children.sort((a, b) => Buffer.compare(a.identifier, b.identifier))
    const placed = { directory, identifier, children, number: this.#placed.length + 1, byteLength: 0, sector: 0 }
    const whole: Placed = Object.assign(placed, { parent: parent ?? (placed as unknown as Placed) })
    placed.byteLength = this.#directory(whole, new Date(0)).length
    this.#placed.push(whole)
  }

  // ECMA-119 §9.4; L tables are little endian, M tables big endian.
  #pathTable(little: boolean): Uint8Array {
    const entries = this.#placed.map(({ identifier, parent, sector }) => {
      const entry = new Uint8Array(8 + identifier.length + (identifier.length % 2))
      const view = new DataView(entry.buffer)
      entry[0] = identifier.length
      view.setUint32(2, sector, little)
      view.setUint16(6, parent.number, little)
      entry.set(identifier, 8)
      return entry
    })
    return Buffer.concat(entries)
  }

  // Whole sectors of directory records; a record does not cross a sector (ECMA-119 §6.8.1.1).
  #directory(placed: Placed, time: Date): Uint8Array {
    const { systemUse } = this.#naming
    const records = [
      this.#record(Uint8Array.of(0), placed, systemUse(placed.number === 1 ? 'root' : 'directory', null), time),
      this.#record(Uint8Array.of(1), placed.parent, systemUse('directory', null), time),
      ...placed.children.map(({ identifier, systemUse: use, child }) =>
        this.#record(identifier, isDirectory(child) ? this.#find(child) : child, use, time),
      ),
    ]
    const sectors: Uint8Array[][] = [[]]
    let used = 0
    for (const record of records) {
      if (used + record.length > SECTOR) {
        sectors.push([])
        used = 0
      }
      sectors.at(-1)?.push(record)
      used += record.length
    }
    return Buffer.concat(sectors.map((inSector) => padded(inSector, SECTOR)))
  }

  // Not there yet while lengths are measured: then any place will do.
  #find(directory: Directory): { readonly sector: number; readonly byteLength: number } {
    return this.#placed.find((placed) => placed.directory === directory) ?? { sector: 0, byteLength: 0 }
  }

  // ECMA-119 §9.1
  #record(
    identifier: Uint8Array,
    target: File | { readonly sector: number; readonly byteLength: number },
    systemUse: Uint8Array,
    time: Date,
  ): Uint8Array {
    const isFile = 'bytes' in target
    const fixed = [
      Uint8Array.of(0, 0), // length, set below; extended attributes
      bothEndian32(target.sector),
      bothEndian32(isFile ? target.bytes.length : target.byteLength),
      shortDate(time),
      Uint8Array.of(isFile ? 0 : DIRECTORY_FLAG, 0, 0), // flags, unit size, gap
      bothEndian16(1),
      Uint8Array.of(identifier.length),
      identifier,
      new Uint8Array(identifier.length % 2 === 0 ? 1 : 0),
      systemUse,
    ]
    const length = fixed.reduce((sum, { length }) => sum + length, 0)
    const record = padded(fixed, length + (length % 2))
    record[0] = record.length
    return record
  }
}
