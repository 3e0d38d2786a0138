// What a tenant leaves on its disks, and what is left of it after erase_devices_metadata: partition tables, file systems, LVM and RAID members, on three
// buses. Judge: wipefs of util-linux, before and after, at the start of the disk and of its partitions.
import { crc32 } from 'node:zlib'
import { expect, it } from 'vitest'
import { MIB, noise } from '../testing.ts'
import { put, rawOf, readRange, tool } from '../testdata/host-tools.ts'
import { isZero } from './aligned.ts'
import { savedAgent } from '../testdata/saved-agent.ts'

/** The label of an LVM physical volume in its second sector: lib/format_text/layout.h and lib/label/label.h of LVM2. */
function lvmLabel(): Buffer {
  const sector = Buffer.alloc(512)
  sector.write('LABELONE', 0, 'latin1')
  sector.writeBigUInt64LE(1n, 8) // the sector that it is in
  sector.writeUInt32LE(32, 20) // where the header of the volume is
  sector.write('LVM2 001', 24, 'latin1')
  sector.write('0123456789abcdefghijklmnopqrstuv', 32, 'latin1') // its uuid
  sector.writeBigUInt64LE(BigInt(64 * MIB), 64)
  // CRC-32 with LVM's own first value and no last inversion, over what follows it.
  sector.writeUInt32LE(~crc32(sector.subarray(20), ~0xf597a6cf >>> 0) >>> 0, 16)
  return sector
}

/** Superblock 1.2 of Linux RAID, 4 KiB into the member: Documentation of mdp_superblock_1 in uapi/linux/raid/md_p.h. */
function raidSuperblock(): Buffer {
  const block = Buffer.alloc(512)
  block.writeUInt32LE(0xa92b4efc, 0)
  block.writeUInt32LE(1, 4)
  block.fill(0x42, 16, 32) // the set's uuid
  block.write('old-host:0', 32, 'latin1')
  block.writeUInt32LE(1, 72) // level
  block.writeUInt32LE(2, 92) // members
  block.writeBigUInt64LE(8n, 144) // its own place, in sectors
  let sum = 0n
  for (let at = 0; at < 256; at += 4) sum += BigInt(block.readUInt32LE(at))
  block.writeUInt32LE(Number((sum & 0xffffffffn) + (sum >> 32n)), 216)
  return block
}

/** Types of all signatures that wipefs finds in a whole disk, sorted. */
async function signatures(raw: string): Promise<string[]> {
  const lines = (await tool('wipefs', '--no-act', '--parsable', raw)).split('\n')
  const types = lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(',').at(-1) ?? '')
  return [...new Set(types)].sort()
}

/** The type of what begins at an offset, as the kernel's helpers see it; blkid's exit code 2 is "nothing". */
async function typeAt(raw: string, offset: number): Promise<string> {
  const args = ['--probe', '--offset', String(offset), '--match-tag', 'TYPE', '--output', 'value', raw]
  return await tool('blkid', ...args).then(
    (text) => text.trim(),
    () => 'nothing',
  )
}

const [LVM_AT, EXT_AT, DATA_AT] = [MIB, 257 * MIB, 400 * MIB]

it('disks that held LVM, RAID, swap and file systems hold none afterwards, but for those that are to be skipped', async () => {
  await using agent = await (await savedAgent()).goOn()
  const data = noise(2 * MIB, 3)
  const told: Record<string, string[]> = {}
  const before = (name: string, make: (raw: string) => Promise<unknown>) => async (raw: string) => {
    await make(raw)
    told[name] = await signatures(raw)
    if (name === 'table') told['partitions'] = [await typeAt(raw, LVM_AT), await typeAt(raw, EXT_AT)]
  }
  const table = await agent.addDisk(
    { sizeMiB: 5000, serial: 'TABLE' },
    before('table', async (raw) => {
      await tool('sgdisk', '--new=1:2048:+256M', '--typecode=1:8e00', '--new=2:0:+512M', raw)
      await put(raw, LVM_AT + 512, lvmLabel())
      await tool('mke2fs', '-q', '-F', '-E', `offset=${EXT_AT}`, raw, '512M')
      await put(raw, DATA_AT, data)
    }),
  )
  const raid = await agent.addDisk(
    { bus: 'scsi', sizeMiB: 4500, serial: 'RAID' },
    before('raid', (raw) => put(raw, 4096, raidSuperblock())),
  )
  const swap = await agent.addDisk(
    { bus: 'nvme', sizeMiB: 600, serial: 'SWAP' },
    before('swap', (raw) => tool('mkswap', raw)),
  )
  const kept = await agent.addDisk(
    { sizeMiB: 700, serial: 'KEPT' },
    before('kept', (raw) => tool('mke2fs', '-q', '-F', raw)),
  )
  expect(told, 'what the judge saw before').toEqual({
    table: ['PMBR', 'gpt'],
    partitions: ['LVM2_member', 'ext2'],
    raid: ['linux_raid_member'],
    swap: ['swap'],
    kept: ['ext2'],
  })

  const node = { properties: { skip_block_devices: [{ serial: 's== kept' }] } }
  const { command_error: error, command_result: result } = await agent.step('clean', 'erase_devices_metadata', {}, node)
  expect(error).toBeNull()
  expect(JSON.stringify(result)).toContain('3 disks erased: nvme0n1, sda, vda')
  await agent.machine.cut()

  for (const { file, name } of [table, raid, swap]) expect(await signatures(await rawOf(file)), name).toEqual([])
  const raw = await rawOf(table.file)
  expect([await typeAt(raw, LVM_AT), await typeAt(raw, EXT_AT)]).toEqual(['nothing', 'nothing'])
  expect((await readRange(raw, DATA_AT, data.length)).equals(data), 'metadata is erased, not data').toBe(true)
  expect(await signatures(await rawOf(kept.file))).toEqual(['ext2'])
})

it('whole disks are erased: an NVMe disk by its own format, the others by being overwritten', async () => {
  await using agent = await (await savedAgent()).goOn()
  const tenant = noise(64 * MIB, 9)
  const fill = (raw: string) => put(raw, 0, tenant)
  const nvme = await agent.addDisk({ bus: 'nvme', sizeMiB: 64, serial: 'NVME' }, fill)
  const virtio = await agent.addDisk({ sizeMiB: 64, serial: 'VIRTIO' }, fill)
  const scsi = await agent.addDisk({ bus: 'scsi', sizeMiB: 64, serial: 'SCSI' }, fill)
  const { command_error: error, command_result: result } = await agent.step('clean', 'erase_devices', {})
  expect(error).toBeNull()
  expect(JSON.stringify(result)).toContain('3 disks erased: nvme0n1 by NVMe format, sda overwritten (')
  const { command_result: pstore } = await agent.step('clean', 'erase_pstore', {})
  expect(JSON.stringify(pstore)).toContain('erase_pstore: 0 records removed')
  await agent.machine.cut()
  for (const { file, name } of [nvme, virtio, scsi])
    expect(isZero(await readRange(await rawOf(file), 0, tenant.length)), name).toBe(true)
})
