// One entry of a UEFI boot menu (UEFI 2.10 §3.1.3 EFI_LOAD_OPTION): a file in a GPT partition. All little-endian:
//   0 attributes | 4 bytes of device path | 6 description, UTF-16LE, ends with 0 | device path | optional data
// Device path (§10.3.5.1 hard drive, §10.3.5.4 file): 04 01 length=42 number start size guid 02 02 | 04 04 length path | 7f ff 04 00
import { CodecError } from '../../shared/codec-error.ts'
import { writeGuid } from './gpt.ts'

const ACTIVE = 1
const MEDIA = 4
const HARD_DRIVE = 1
const HARD_DRIVE_BYTES = 42
const FILE_PATH = 4
const GPT_FORMAT = 2
const GUID_SIGNATURE = 2
const END = Buffer.from([0x7f, 0xff, 4, 0])

export interface BootFile {
  /** Shown in the firmware's menu. */
  readonly description: string
  readonly partition: {
    readonly number: number
    readonly guid: string
    readonly firstLba: number
    readonly lastLba: number
  }
  /** With backslashes, from the root of the partition. */
  readonly path: string
}

export function encodeBootEntry({ description, partition, path }: BootFile): Buffer {
  const drive = Buffer.alloc(HARD_DRIVE_BYTES)
  drive.set([MEDIA, HARD_DRIVE, HARD_DRIVE_BYTES, 0])
  drive.writeUInt32LE(partition.number, 4)
  drive.writeBigUInt64LE(BigInt(partition.firstLba), 8)
  drive.writeBigUInt64LE(BigInt(partition.lastLba - partition.firstLba + 1), 16)
  writeGuid(drive, 24, partition.guid)
  drive.set([GPT_FORMAT, GUID_SIGNATURE], 40)
  const name = Buffer.from(`${path}\0`, 'utf16le')
  const file = Buffer.alloc(4)
  file.set([MEDIA, FILE_PATH])
  file.writeUInt16LE(4 + name.length, 2)
  const devicePath = Buffer.concat([drive, file, name, END])
  const head = Buffer.alloc(6)
  head.writeUInt32LE(ACTIVE, 0)
  head.writeUInt16LE(devicePath.length, 4)
  return Buffer.concat([head, Buffer.from(`${description}\0`, 'utf16le'), devicePath])
}

/** What the menu calls an entry, whoever made it. CodecError when it has no end. */
export function descriptionOf(entry: Buffer): string {
  return entry.toString('utf16le', 6, endOfDescription(entry))
}

/** Where an entry leads, still encoded. CodecError for one that ends too early. */
export function devicePathOf(entry: Buffer): Buffer {
  const from = endOfDescription(entry) + 2
  const length = entry.readUInt16LE(4)
  if (from + length > entry.length) throw new CodecError('boot entry whose device path ends behind it')
  return entry.subarray(from, from + length)
}

function endOfDescription(entry: Buffer): number {
  for (let at = 6; at + 1 < entry.length; at += 2) if (entry.readUInt16LE(at) === 0) return at
  throw new CodecError('boot entry without the end of its description')
}
