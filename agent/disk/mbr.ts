// Master boot record, the partition table of BIOS days: four entries of 16 bytes at 446, 55 AA at 510, little-endian, 512-byte sectors
// or the disk's own. Entry: 0 boot flag | 1 CHS start | 4 type | 5 CHS end | 8 first LBA | 12 sectors.
import { CodecError } from '../../shared/codec-error.ts'

export interface MbrEntry {
  /** 1–4. */
  number: number
  bootable: boolean
  type: number
  firstLba: number
  sectors: number
}
export interface Mbr {
  /** NT disk signature at 440, as Linux shows it in PTUUID. */
  signature: number
  entries: MbrEntry[]
}

export const MBR_TYPE_LINUX = 0x83
export const MBR_TYPE_PROTECTIVE = 0xee
/** Sector numbers are 32 bits wide. */
export const MBR_MAX_LBA = 0xffff_ffff

/** CodecError without the 55 AA mark or with an entry that cannot be (a boot sector of a file system has the mark, too). */
export function decodeMbr(sector: Buffer): Mbr {
  if (sector.length < 512 || sector.readUInt16LE(510) !== 0xaa55) throw new CodecError('no MBR mark 55 AA')
  const entries: MbrEntry[] = []
  for (let number = 1; number <= 4; number++) {
    const at = 446 + (number - 1) * 16
    const flag = sector.readUInt8(at)
    const type = sector.readUInt8(at + 4)
    if (flag !== 0 && flag !== 0x80) throw new CodecError(`MBR entry ${number} has boot flag ${flag}`)
    if (type === 0) continue
    const [firstLba, sectors] = [sector.readUInt32LE(at + 8), sector.readUInt32LE(at + 12)]
    if (firstLba === 0 || sectors === 0) throw new CodecError(`MBR entry ${number} is empty but has a type`)
    entries.push({ number, bootable: flag === 0x80, type, firstLba, sectors })
  }
  return { signature: sector.readUInt32LE(440), entries }
}

/** Puts one entry into a copy of the sector; boot code, signature and the other entries stay. CHS fields say "use LBA". */
export function withMbrEntry(sector: Buffer, entry: MbrEntry): Buffer {
  const copy = Buffer.from(sector)
  const at = 446 + (entry.number - 1) * 16
  copy.fill(0, at, at + 16)
  copy.writeUInt8(entry.bootable ? 0x80 : 0, at)
  copy.set([0xfe, 0xff, 0xff], at + 1)
  copy.writeUInt8(entry.type, at + 4)
  copy.set([0xfe, 0xff, 0xff], at + 5)
  copy.writeUInt32LE(entry.firstLba, at + 8)
  copy.writeUInt32LE(entry.sectors, at + 12)
  copy.writeUInt16LE(0xaa55, 510)
  return copy
}

/** Sectors of the protective MBR's one entry when the disk grew: 2^32 − 1 at most (UEFI 2.10 §5.2.3). */
export const protectiveSectors = (diskSectors: number): number => Math.min(diskSectors - 1, MBR_MAX_LBA)
