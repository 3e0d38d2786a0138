// Images for simulated machines: a real GPT of any size with one partition, a boot signature, and content that does not compress.
import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { encodeGptEntries, encodeGptHeader, LINUX_DATA, type Gpt } from '../agent/disk/gpt.ts'
import { mulberry32 } from './bmc/network.ts'

const SECTOR = 512
const MIB = 2 ** 20
const ENTRIES = { entryCount: 128, entryBytes: 128 }
const ENTRY_SECTORS = (ENTRIES.entryCount * ENTRIES.entryBytes) / SECTOR

export interface Image {
  readonly bytes: Buffer
  /** Lower-case hex. */
  readonly sha256: string
}

/** A raw whole-disk image of `sizeBytes` (whole MiB, at least 3); the same `seed` gives the same bytes. */
export function makeImage(sizeBytes: number, seed = 1): Image {
  const sectors = sizeBytes / SECTOR
  const bytes = Buffer.alloc(sizeBytes)
  const random = mulberry32(seed)
  for (let at = MIB; at < sizeBytes - MIB; at += 4) bytes.writeUInt32LE(Math.floor(random() * 2 ** 32), at)
  const guid = (last: number) =>
    `5EED0000-0000-4000-8000-${(seed * 16 + last).toString(16).toUpperCase().padStart(12, '0')}`
  const firstLba = MIB / SECTOR
  const gpt: Gpt = {
    diskGuid: guid(1),
    myLba: 1,
    otherLba: sectors - 1,
    firstUsableLba: 2 + ENTRY_SECTORS,
    lastUsableLba: sectors - 2 - ENTRY_SECTORS,
    entriesLba: 2,
    ...ENTRIES,
    entries: [
      {
        number: 1,
        type: LINUX_DATA,
        guid: guid(2),
        firstLba,
        lastLba: sectors - firstLba - 1,
        attributes: 0n,
        name: 'root',
      },
    ],
  }
  writeProtectiveMbr(bytes, sectors)
  const entries = encodeGptEntries(gpt)
  encodeGptHeader(gpt, SECTOR).copy(bytes, SECTOR)
  entries.copy(bytes, gpt.entriesLba * SECTOR)
  const mirror = { ...gpt, myLba: gpt.otherLba, otherLba: 1, entriesLba: gpt.otherLba - ENTRY_SECTORS }
  entries.copy(bytes, mirror.entriesLba * SECTOR)
  encodeGptHeader(mirror, SECTOR).copy(bytes, mirror.myLba * SECTOR)
  return { bytes, sha256: createHash('sha256').update(bytes).digest('hex') }
}

/** One entry of type EEh over the whole disk (UEFI 2.10 §5.2.3). */
function writeProtectiveMbr(bytes: Buffer, sectors: number): void {
  bytes.set([0x00, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff], 446)
  bytes.writeUInt32LE(1, 454)
  bytes.writeUInt32LE(Math.min(sectors - 1, 0xffff_ffff), 458)
  bytes.writeUInt16LE(0xaa55, 510)
}

/** What a GPT of 128 entries takes at either end; the config drive's partition is entered there. */
const TABLE_BYTES = 34 * 512

/** SHA-256 of an image without its partition table, which a config drive changes. */
export function imageDigest(bytes: Uint8Array): string {
  return createHash('sha256')
    .update(bytes.subarray(TABLE_BYTES, bytes.length - TABLE_BYTES))
    .digest('hex')
}

/** The same of what stands in the first `length` bytes of the disk at `path`. */
export async function imageDigestOn(path: string, length: number): Promise<string> {
  const file = await open(path, 'r')
  try {
    const bytes = Buffer.alloc(length)
    await file.read(bytes, 0, length, 0)
    return imageDigest(bytes)
  } finally {
    await file.close()
  }
}
