// GUID partition table (UEFI 2.10 §5.3). Bytes in, values out, and back; what is written passes `sgdisk --verify`.
// Header, at LBA 1 and, as a mirror, in the last sector (all little-endian):
//   0 "EFI PART" | 8 revision | 12 header size | 16 CRC32 of header | 24 my LBA | 32 other header's LBA | 40 first usable | 48 last usable
//   56 disk GUID | 72 entries' LBA | 80 number of entries | 84 bytes per entry | 88 CRC32 of entries
// Entry: 0 type GUID | 16 own GUID | 32 first LBA | 40 last LBA (inclusive) | 48 attributes | 56 name, 36 × UTF-16LE
import { crc32 } from 'node:zlib'
import { CodecError } from '../../shared/codec-error.ts'

const MAGIC = 'EFI PART'
const HEADER_BYTES = 92
const ENTRY_BYTES = 128
const MAX_ENTRIES = 1024
/** "Linux filesystem data", which is what `sgdisk --new` makes. */
export const LINUX_DATA = '0FC63DAF-8483-4772-8E79-3D69D8477DE4'

export interface GptEntry {
  /** 1-based place in the table: the partition's number. */
  number: number
  type: string
  guid: string
  firstLba: number
  lastLba: number
  attributes: bigint
  name: string
}

export interface Gpt {
  diskGuid: string
  myLba: number
  otherLba: number
  firstUsableLba: number
  lastUsableLba: number
  entriesLba: number
  entryCount: number
  entryBytes: number
  entries: GptEntry[]
}

/** Mixed-endian bytes of a GUID (first three groups little-endian) as upper-case text. */
export function readGuid(bytes: Buffer, at: number): string {
  const hex = (from: number, to: number, swap: boolean) => {
    const part = bytes.subarray(at + from, at + to)
    return Buffer.from(swap ? part.toReversed() : part)
      .toString('hex')
      .toUpperCase()
  }
  return `${hex(0, 4, true)}-${hex(4, 6, true)}-${hex(6, 8, true)}-${hex(8, 10, false)}-${hex(10, 16, false)}`
}

export function writeGuid(bytes: Buffer, at: number, guid: string): void {
  const [a = '', b = '', c = '', d = '', e = ''] = guid.split('-')
  for (const [text, offset] of [
    [a, 0],
    [b, 4],
    [c, 6],
  ] as const) {
    bytes.set(Buffer.from(text, 'hex').toReversed(), at + offset)
  }
  Buffer.from(d + e, 'hex').copy(bytes, at + 8)
}

function readLba(bytes: Buffer, at: number, what: string): number {
  const value = bytes.readBigUInt64LE(at)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new CodecError(`GPT ${what} ${value} is beyond any disk`)
  return Number(value)
}

/** Whether a sector looks like a GPT header at all. */
export const hasGptMagic = (sector: Uint8Array): boolean =>
  Buffer.from(sector.subarray(0, 8)).toString('latin1') === MAGIC

/** The header without its entries; CodecError when magic, sizes or checksum are wrong. `sector` is at least 92 bytes. */
export function decodeGptHeader(sector: Buffer): Omit<Gpt, 'entries'> & { entriesCrc: number } {
  if (sector.length < HEADER_BYTES || !hasGptMagic(sector)) throw new CodecError('no GPT header')
  const size = sector.readUInt32LE(12)
  if (size < HEADER_BYTES || size > sector.length) throw new CodecError(`GPT header of ${size} bytes`)
  const copy = Buffer.from(sector.subarray(0, size))
  copy.writeUInt32LE(0, 16)
  if (crc32(copy) !== sector.readUInt32LE(16)) throw new CodecError('GPT header checksum is wrong')
  const [entryCount, entryBytes] = [sector.readUInt32LE(80), sector.readUInt32LE(84)]
  if (entryBytes < ENTRY_BYTES || entryBytes > 4096 || entryBytes % 8 !== 0)
    throw new CodecError(`GPT entries of ${entryBytes} bytes`)
  if (entryCount === 0 || entryCount > MAX_ENTRIES) throw new CodecError(`GPT with ${entryCount} entries`)
  return {
    diskGuid: readGuid(sector, 56),
    myLba: readLba(sector, 24, 'own address'),
    otherLba: readLba(sector, 32, 'mirror address'),
    firstUsableLba: readLba(sector, 40, 'first usable sector'),
    lastUsableLba: readLba(sector, 48, 'last usable sector'),
    entriesLba: readLba(sector, 72, 'entry address'),
    entryCount,
    entryBytes,
    entriesCrc: sector.readUInt32LE(88),
  }
}

/** Header plus its entry array (`entryCount × entryBytes` bytes of it); CodecError when they do not belong together. */
export function decodeGpt(headerSector: Buffer, entryArray: Buffer): Gpt {
  const { entriesCrc, ...header } = decodeGptHeader(headerSector)
  const bytes = entryArray.subarray(0, header.entryCount * header.entryBytes)
  if (bytes.length < header.entryCount * header.entryBytes) throw new CodecError('GPT entry array is cut short')
  if (crc32(bytes) !== entriesCrc) throw new CodecError('GPT entry array checksum is wrong')
  const entries: GptEntry[] = []
  for (let i = 0; i < header.entryCount; i++) {
    const entry = bytes.subarray(i * header.entryBytes, (i + 1) * header.entryBytes)
    if (entry.subarray(0, 16).every((byte) => byte === 0)) continue
    const [firstLba, lastLba] = [readLba(entry, 32, 'partition start'), readLba(entry, 40, 'partition end')]
    if (firstLba > lastLba || firstLba < header.firstUsableLba || lastLba > header.lastUsableLba) {
      throw new CodecError(`GPT partition ${i + 1} covers sectors ${firstLba}–${lastLba}, outside the usable ones`)
    }
    const name = entry.subarray(56, 128).toString('utf16le').replace(/\0.*$/s, '')
    const attributes = entry.readBigUInt64LE(48)
    entries.push({
      number: i + 1,
      type: readGuid(entry, 0),
      guid: readGuid(entry, 16),
      firstLba,
      lastLba,
      attributes,
      name,
    })
  }
  return { ...header, entries }
}

/** The entry array as it is on disk. */
export function encodeGptEntries(gpt: Gpt): Buffer {
  const bytes = Buffer.alloc(gpt.entryCount * gpt.entryBytes)
  for (const entry of gpt.entries) {
    const at = (entry.number - 1) * gpt.entryBytes
    writeGuid(bytes, at, entry.type)
    writeGuid(bytes, at + 16, entry.guid)
    bytes.writeBigUInt64LE(BigInt(entry.firstLba), at + 32)
    bytes.writeBigUInt64LE(BigInt(entry.lastLba), at + 40)
    bytes.writeBigUInt64LE(entry.attributes, at + 48)
    bytes.write(entry.name.slice(0, 36), at + 56, 'utf16le')
  }
  return bytes
}

/** One sector with the header; both checksums are made here. */
export function encodeGptHeader(gpt: Gpt, sectorBytes: number): Buffer {
  const sector = Buffer.alloc(sectorBytes)
  sector.write(MAGIC, 0, 'latin1')
  sector.writeUInt32LE(0x0001_0000, 8)
  sector.writeUInt32LE(HEADER_BYTES, 12)
  sector.writeBigUInt64LE(BigInt(gpt.myLba), 24)
  sector.writeBigUInt64LE(BigInt(gpt.otherLba), 32)
  sector.writeBigUInt64LE(BigInt(gpt.firstUsableLba), 40)
  sector.writeBigUInt64LE(BigInt(gpt.lastUsableLba), 48)
  writeGuid(sector, 56, gpt.diskGuid)
  sector.writeBigUInt64LE(BigInt(gpt.entriesLba), 72)
  sector.writeUInt32LE(gpt.entryCount, 80)
  sector.writeUInt32LE(gpt.entryBytes, 84)
  sector.writeUInt32LE(crc32(encodeGptEntries(gpt)), 88)
  sector.writeUInt32LE(crc32(sector.subarray(0, HEADER_BYTES)), 16)
  return sector
}
