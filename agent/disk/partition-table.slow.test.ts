import { gzipSync } from 'node:zlib'
import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { diskBytes, fileDisk, GIB, MIB, noise, temporaryFolder } from '../testing.ts'
import type { BlockTarget } from './block-target.ts'
import { openBlockTarget } from './block-target.ts'
import { checkConfigDrive, decodeConfigDrive, volumeLabel, writeConfigDrive } from './config-drive.ts'
import { eraseMetadata, metadataRanges } from './erase.ts'
import { decodeGpt, encodeGptEntries, encodeGptHeader, LINUX_DATA } from './gpt.ts'
import type { Gpt } from './gpt.ts'
import { MBR_TYPE_PROTECTIVE, withMbrEntry } from './mbr.ts'
import { addPartitionAtEnd, listPartitions, moveGptMirrorToEnd, readPartitionTable } from './partition-table.ts'

const GUID = 'AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE'

/** The first MiB of a GPT image of `sectors`, with one partition up to its end. */
function gptStart(sectors: number, name = 'root', sectorBytes = 512): Buffer {
  const entrySectors = 16384 / sectorBytes
  const gpt: Gpt = {
    diskGuid: GUID,
    myLba: 1,
    otherLba: sectors - 1,
    firstUsableLba: 2 + entrySectors,
    lastUsableLba: sectors - entrySectors - 2,
    entriesLba: 2,
    entryCount: 128,
    entryBytes: 128,
    entries: [
      {
        number: 1,
        type: LINUX_DATA,
        guid: GUID,
        firstLba: MIB / sectorBytes,
        lastLba: sectors - entrySectors - 2,
        attributes: 0n,
        name,
      },
    ],
  }
  const bytes = Buffer.alloc(MIB)
  const entry = { number: 1, bootable: false, type: MBR_TYPE_PROTECTIVE, firstLba: 1, sectors: sectors - 1 }
  withMbrEntry(Buffer.alloc(512), entry).copy(bytes)
  encodeGptHeader(gpt, sectorBytes).copy(bytes, sectorBytes)
  encodeGptEntries(gpt).copy(bytes, 2 * sectorBytes)
  return bytes
}

/** An ISO 9660 volume as far as anybody looks. */
function iso(label: string, bytes = 400 * 1024): Buffer {
  const volume = noise(bytes)
  volume.write('\x01CD001\x01', 32_768, 'latin1')
  volume.write(label.padEnd(32), 32_808, 'latin1')
  return volume
}

async function withDisk<T>(
  sizeBytes: number,
  start: Buffer,
  use: (target: BlockTarget, path: string) => Promise<T>,
  sector = 512,
): Promise<T> {
  await using folder = await temporaryFolder()
  const disk = await fileDisk(folder.path, 'vda', sizeBytes, { logicalSectorBytes: sector })
  const target = await openBlockTarget(disk)
  try {
    await target.write(start, 0)
    return await use(target, disk.path)
  } finally {
    await target.close()
  }
}

describe.each([512, 4096])('a GPT image on a larger disk, sectors of %i bytes', (sector) => {
  it('gets its mirror at the real end', () =>
    withDisk(
      64 * MIB,
      gptStart((16 * MIB) / sector, 'root', sector),
      async (target, path) => {
        await moveGptMirrorToEnd(target)
        const disk = await readFile(path)
        const last = (64 * MIB) / sector - 1
        const primary = await readPartitionTable(target)
        const mirrorEntries = disk.subarray((last - 16384 / sector) * sector)
        const mirror = decodeGpt(disk.subarray(last * sector), mirrorEntries)
        expect(primary).toMatchObject({
          kind: 'gpt',
          gpt: { myLba: 1, otherLba: last, lastUsableLba: last - 16384 / sector - 1 },
        })
        expect(mirror).toMatchObject({ myLba: last, otherLba: 1, diskGuid: GUID })
        expect(primary.kind === 'gpt' && primary.gpt.entries).toEqual(mirror.entries)
        expect(disk.readUInt32LE(446 + 12)).toBe(last) // the protective MBR grew, too
      },
      sector,
    ))

  it('gets a partition in its last, aligned MiBs', () =>
    withDisk(
      64 * MIB,
      gptStart((16 * MIB) / sector, 'root', sector),
      async (target) => {
        const made = await addPartitionAtEnd(target, { name: 'config-2', sizeBytes: 8 * MIB, guid: GUID })
        expect(made).toMatchObject({ number: 2, sizeBytes: 8 * MIB, startBytes: 55 * MIB })
        const table = await readPartitionTable(target)
        expect(listPartitions(table, sector)[1]).toEqual(made)
        await expect(addPartitionAtEnd(target, { name: 'more', sizeBytes: 60 * MIB, guid: GUID })).rejects.toThrow(
          'in use',
        )
      },
      sector,
    ))
})

describe('other disks', () => {
  it('an image for other sectors is a fault that says so', () =>
    withDisk(64 * MIB, gptStart(4096, 'root', 4096), async (target) => {
      await expect(readPartitionTable(target)).rejects.toThrow('sectors of 4096')
    }))

  it('a broken GPT is a fault, no mark at all is no table', async () => {
    const broken = gptStart(16 * 2048)
    broken[512 + 40]! ^= 1
    await withDisk(64 * MIB, broken, (target) =>
      expect(readPartitionTable(target)).rejects.toMatchObject({ type: 'PartitionTableError' }),
    )
    await withDisk(64 * MIB, Buffer.alloc(512), async (target) =>
      expect(await readPartitionTable(target)).toEqual({ kind: 'none' }),
    )
  })

  it('a GPT left over behind a newer MBR does not count', () => {
    const bytes = gptStart(16 * 2048)
    const entry = { number: 1, bootable: true, type: 0x83, firstLba: 2048, sectors: 2048 }
    withMbrEntry(Buffer.alloc(512), entry).copy(bytes)
    return withDisk(64 * MIB, bytes, async (target) => {
      expect(await moveGptMirrorToEnd(target)).toMatchObject({ kind: 'mbr', mbr: { entries: [entry] } })
    })
  })

  it('an MBR gets a primary partition, but no fifth', () => {
    let sector: Buffer = Buffer.alloc(512)
    for (const number of [1, 2, 3]) {
      sector = withMbrEntry(sector, {
        number,
        bootable: number === 1,
        type: 0x83,
        firstLba: 2048 * number,
        sectors: 2048,
      })
    }
    return withDisk(64 * MIB, sector, async (target) => {
      const made = await addPartitionAtEnd(target, { name: 'config-2', sizeBytes: 8 * MIB, guid: GUID })
      expect(made).toMatchObject({ number: 4, startBytes: 56 * MIB })
      await expect(addPartitionAtEnd(target, { name: 'x', sizeBytes: MIB, guid: GUID })).rejects.toThrow('four primary')
    })
  })

  it('an MBR on a disk beyond 2 TiB gets it below the limit of 32-bit sectors', () => {
    const sector = withMbrEntry(Buffer.alloc(512), {
      number: 1,
      bootable: true,
      type: 0x83,
      firstLba: 2048,
      sectors: 2048,
    })
    return withDisk(3 * 1024 * GIB, sector, async (target) => {
      const made = await addPartitionAtEnd(target, { name: 'config-2', sizeBytes: 64 * MIB, guid: GUID })
      expect(made.startBytes + made.sizeBytes).toBeLessThanOrEqual(2 ** 32 * 512)
      expect(made.startBytes).toBeGreaterThan(2 ** 32 * 512 - 66 * MIB)
    })
  })
})

describe('config drive', () => {
  it('comes as base64 of the volume or of its gzip', () => {
    const volume = iso('CONFIG-2')
    expect(decodeConfigDrive(volume.toString('base64')).equals(volume)).toBe(true)
    expect(decodeConfigDrive(gzipSync(volume).toString('base64').replaceAll(/.{76}/g, '$&\n')).equals(volume)).toBe(
      true,
    )
  })

  it('that is something else is refused', () => {
    const bomb = gzipSync(Buffer.alloc(65 * MIB)).toString('base64')
    const bad = [
      '',
      '{"meta_data": {}}',
      'AAAA',
      iso('cidata').toString('base64'),
      bomb,
      Buffer.from('1f8b0800', 'hex').toString('base64'),
    ]
    for (const text of bad) {
      expect(() => decodeConfigDrive(text)).toThrow(expect.objectContaining({ type: 'InvalidConfigDrive' }))
    }
    expect(() => decodeConfigDrive(bomb)).toThrow('more than 64 MiB')
  })

  it('may be FAT', () => {
    const fat = Buffer.alloc(64 * 1024)
    fat.write('FAT16   ', 54, 'latin1')
    fat.write('config-2   ', 43, 'latin1')
    fat.writeUInt16LE(0xaa55, 510)
    expect(volumeLabel(fat)).toBe('config-2')
    expect(checkConfigDrive(fat)).toBe(fat)
  })

  it('goes into a new partition of 64 MiB, and the next one into the same', () =>
    withDisk(128 * MIB, gptStart(32 * 2048), async (target) => {
      const first = await writeConfigDrive(target, await readPartitionTable(target), iso('config-2'), GUID)
      expect(first).toMatchObject({ number: 2, sizeBytes: 64 * MIB })
      const next = iso('config-2', 900 * 1024)
      expect(await writeConfigDrive(target, await readPartitionTable(target), next, GUID)).toEqual(first)
      const back = Buffer.alloc(next.length)
      await target.read(back, first.startBytes)
      expect(back.equals(next)).toBe(true)
    }))

  it('goes into the partition that the image brought, whatever the case of its name, and must fit', () =>
    withDisk(64 * MIB, gptStart(8 * 2048, 'Config-2'), async (target) => {
      const table = await readPartitionTable(target)
      expect(await writeConfigDrive(target, table, iso('config-2'), GUID)).toMatchObject({ number: 1, startBytes: MIB })
      await expect(writeConfigDrive(target, table, iso('config-2', 9 * MIB), GUID)).rejects.toThrow('only')
    }))

  it('finds its partition on an MBR disk by the label of the volume in it', () => {
    const sector = withMbrEntry(Buffer.alloc(512), {
      number: 1,
      bootable: false,
      type: 0x83,
      firstLba: 2048,
      sectors: 4096,
    })
    return withDisk(16 * MIB, sector, async (target) => {
      await target.write(iso('CONFIG-2'), MIB)
      expect(
        await writeConfigDrive(target, await readPartitionTable(target), iso('config-2', 64 * 1024), GUID),
      ).toMatchObject({ startBytes: MIB })
    })
  })
})

describe('metadata erase', () => {
  it('zeros the edges of the disk and of its partitions and leaves the rest', async () => {
    await using folder = await temporaryFolder()
    const disk = await fileDisk(folder.path, 'vda', 80 * MIB, { dirty: true })
    const target = await openBlockTarget(disk)
    await target.write(gptStart(40 * 2048), 0)
    const ranges = await metadataRanges(target)
    await eraseMetadata(target, new AbortController().signal)
    await target.close()
    const bytes = await diskBytes(disk)
    const erased = (at: number) => ranges.some(([start, length]) => at >= start && at < start + length)
    const wrong = []
    for (let at = 0; at < bytes.length; at += 512) if (bytes[at] !== (erased(at) ? 0 : 0xa5)) wrong.push(at)
    expect(wrong).toEqual([])
    for (const at of [0, 512, MIB, 39 * MIB, 64 * MIB, 80 * MIB - 512]) expect(erased(at)).toBe(true)
    expect(erased(20 * MIB)).toBe(false)
  })

  it('notices a disk that keeps what it was told to forget', async () => {
    await using folder = await temporaryFolder()
    const disk = await fileDisk(folder.path, 'vda', 16 * MIB, { dirty: true })
    const honest = await openBlockTarget(disk)
    const liar: BlockTarget = {
      ...honest,
      zero: (offset, length) => (offset === 0 ? honest.zero(0, length) : Promise.resolve()),
    }
    await expect(eraseMetadata(liar, new AbortController().signal)).rejects.toThrow('still holds data')
    await honest.close()
  })
})
