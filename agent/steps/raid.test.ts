// Software RAID on disks made of files: what lies on the disks, and what is refused.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { isZero } from '../disk/aligned.ts'
import { openBlockTarget } from '../disk/block-target.ts'
import type { BlockDevice } from '../disk/block-devices.ts'
import { LINUX_DATA } from '../disk/gpt.ts'
import type { MdArray, NewArray } from '../disk/md-arrays.ts'
import { listPartitions, readPartitionTable, writeNewTable } from '../disk/partition-table.ts'
import { EFI_SYSTEM, LINUX_RAID } from '../disk/partition-types.ts'
import { executeParams, executeStep } from '../step-list.ts'
import { fakeContext, fakeMachine, fileDisk, GIB, MIB, sha256, temporaryFolder, testNode } from '../testing.ts'
import { findRootDisk } from './root-disk.ts'

const mirror = { size_gb: 1, raid_level: '1', controller: 'software', volume_name: 'system', is_root_volume: true }

/** The first and the last MiB of a disk: its table, and what a file system or an array leaves there. */
async function edges(disk: BlockDevice): Promise<string> {
  const target = await openBlockTarget(disk, 'read')
  const bytes = Buffer.alloc(2 * MIB)
  await target.read(bytes.subarray(0, MIB), 0)
  await target.read(bytes.subarray(MIB), disk.sizeBytes - MIB).finally(() => target.close())
  return sha256(bytes)
}

const UUID = '01234567:89abcdef:01234567:89abcdef'

type Made = Awaited<ReturnType<typeof machineWith>>

async function machineWith({ uefi = true, dirty = false } = {}) {
  const folder = await temporaryFolder()
  if (uefi) await mkdir(join(folder.path, 'sys/firmware/efi'), { recursive: true })
  const disks: BlockDevice[] = [
    await fileDisk(folder.path, 'sda', 5 * GIB),
    await fileDisk(folder.path, 'sdb', 5 * GIB),
  ]
  const arrays: MdArray[] = []
  const volume = await fileDisk(folder.path, 'md0', GIB)
  const machine = fakeMachine(disks, {
    root: folder.path,
    listDisks: async () => [...disks, ...(arrays.length > 0 && volume.sizeBytes > 0 ? [volume] : [])],
    raid: {
      list: async () => [...arrays],
      create: async (array: NewArray) => {
        arrays.push({ ...array, uuid: UUID, path: volume.path, spans: {} })
        return UUID
      },
      stop: async (array) => void arrays.splice(arrays.indexOf(array), 1),
      delete: async (array) => void arrays.splice(arrays.indexOf(array), 1),
    },
  })
  if (dirty) {
    const target = await openBlockTarget(disks[1]!)
    // An MBR with one partition.
    const sector = Buffer.alloc(512)
    sector.writeUInt8(0x83, 450)
    sector.writeUInt32LE(2048, 454)
    sector.writeUInt32LE(2048, 458)
    sector.writeUInt16LE(0xaa55, 510)
    await target.write(sector, 0)
    await target.close()
  }
  let raid_config: unknown = {}
  /** The node has on record what was answered. */
  const order = async (phase: 'clean' | 'service', step: string, args: object = {}, more: object = {}) => {
    const node = { ...testNode, target_raid_config: { logical_disks: [mirror] }, raid_config, ...more }
    const params = executeParams.parse({ step: { step, args }, node, ports: [] })
    const answer = await executeStep(phase, fakeContext(machine), params)
    const made = (answer as Record<string, object>)[`${phase}_result`]!
    if ('logical_disks' in made) raid_config = made
    return answer
  }
  const table = async (disk: BlockDevice) => {
    const target = await openBlockTarget(disk)
    return await readPartitionTable(target).finally(() => target.close())
  }
  const node = (more: object) => ({ ...testNode, raid_config, ...more })
  return { folder, machine, disks, arrays, volume, order, table, node }
}

it('each disk gets room for its firmware and a part of the array, which the instance then goes to', async () => {
  const { folder, machine, disks, arrays, volume, order, table, node } = await machineWith()
  await using _ = folder
  expect(await order('clean', 'create_configuration')).toMatchObject({
    clean_result: { logical_disks: [{ ...mirror, uuid: UUID }] },
  })
  expect(arrays).toMatchObject([
    { name: 'system', isRoot: true, level: '1', members: disks.map(({ path }) => `${path}2`) },
  ])
  for (const disk of disks) {
    const found = await table(disk)
    expect(found.kind === 'gpt' && found.gpt.entries.map(({ type }) => type)).toEqual([EFI_SYSTEM, LINUX_RAID])
  }
  const context = fakeContext(machine)
  expect(
    await findRootDisk({ ...context, node: node({ instance_info: { root_device: { name: disks[0]!.path } } }) }),
  ).toBe(volume)
  arrays[0] = { ...arrays[0]!, isRoot: false }
  await expect(findRootDisk({ ...context, node: node({}) })).rejects.toThrow('at least 4 GiB')

  await order('service', 'apply_configuration', {
    raid_config: { logical_disks: [{ ...mirror, volume_name: 'other' }] },
  })
  expect(arrays).toMatchObject([{ name: 'other' }])
  expect(await order('clean', 'delete_configuration')).toMatchObject({
    clean_result: { result: 'delete_configuration: 1 arrays taken apart: other' },
  })
  expect(await Promise.all(disks.map(async (disk) => (await table(disk)).kind))).toEqual(['none', 'none'])
})

it.each([
  ['a disk that is in use', { dirty: true }, {}, 'erase_devices_metadata makes room'],
  ['a root volume that a BIOS would have to start', { uefi: false }, {}, 'use UEFI'],
  ['too few disks that may be used', {}, { properties: { skip_block_devices: [{ name: 's!= x' }] } }, 'needs 2 disks'],
  ['no configuration', {}, { target_raid_config: {} }, 'target_raid_config'],
])('%s: nothing is changed', async (_, facts, node, said) => {
  const { folder, arrays, disks, order, table } = await machineWith(facts)
  await using _folder = folder
  await expect(order('clean', 'create_configuration', {}, node)).rejects.toMatchObject({
    type: 'SoftwareRAIDError',
    message: expect.stringContaining(said) as string,
  })
  expect([arrays, (await table(disks[0]!)).kind]).toEqual([[], 'none'])
})

it.each([
  ['its name', { volume_name: 'system' }],
  ['the disk of a member', { serial: 'KEPT' }],
  ['a size that only it has', { size: '== 1' }],
])('an array that skip_block_devices keeps by %s is not deleted, and its disks are as they were', async (_, hints) => {
  const { folder, disks, arrays, order, table } = await machineWith()
  await using _folder = folder
  await order('clean', 'create_configuration')
  disks[1]!.serial = 'KEPT'
  const kept = { properties: { skip_block_devices: [hints] } }
  const apply = { raid_config: { logical_disks: [{ ...mirror, volume_name: 'other' }] } }
  for (const step of ['delete_configuration', 'apply_configuration'])
    await expect(order('service', step, step.startsWith('apply') ? apply : {}, kept)).rejects.toMatchObject({
      type: 'SoftwareRAIDError',
      message: expect.stringMatching(/system.*skip_block_devices/) as string,
    })
  expect(arrays).toMatchObject([{ name: 'system' }])
  expect(await Promise.all(disks.map(async (disk) => (await table(disk)).kind))).toEqual(['gpt', 'gpt'])
})

it('a disk that is skipped takes its array out of the erasing, and a root volume that is skipped gets no instance', async () => {
  const { folder, machine, disks, volume, order, node } = await machineWith()
  await using _folder = folder
  await order('clean', 'create_configuration')
  disks[1]!.serial = 'KEPT'
  const before = await Promise.all([...disks, volume].map(edges))
  const keeping = (hints: object) => ({ properties: { skip_block_devices: [hints] } })
  expect(await order('clean', 'erase_devices_metadata', {}, keeping({ serial: 'kept' }))).toMatchObject({
    clean_result: { result: expect.stringContaining('md0 (skip_block_devices)') as string },
  })
  expect(await Promise.all([...disks, volume].map(edges))).toEqual(before)
  const skipped = node(keeping({ volume_name: 'system' }))
  await expect(findRootDisk({ ...fakeContext(machine), node: skipped })).rejects.toThrow('at least 4 GiB')
})

it('what lies beside the array on its disks outlives the deletion of the array', async () => {
  const { folder, disks, order, table } = await machineWith()
  await using _folder = folder
  await order('clean', 'create_configuration')
  const target = await openBlockTarget(disks[0]!)
  const made = await readPartitionTable(target)
  const planned = listPartitions(made, 512).map((each, i) => ({ ...each, type: [EFI_SYSTEM, LINUX_RAID][i]! }))
  const beside = { number: 3, name: 'data', type: LINUX_DATA, startBytes: 4 * GIB, sizeBytes: 64 * MIB }
  await writeNewTable(target, [...planned, beside])
  const data = Buffer.alloc(4096, 0xa5)
  for (const at of [beside.startBytes, planned[1]!.startBytes + 4096]) await target.write(data, at)
  await order('clean', 'delete_configuration')
  const [kept, superblock] = [Buffer.alloc(4096), Buffer.alloc(4096)]
  await target.read(kept, beside.startBytes)
  await target.read(superblock, planned[1]!.startBytes + 4096)
  await target.close()
  expect([kept.equals(data), isZero(superblock)]).toEqual([true, true])
  expect(await Promise.all(disks.map(async (disk) => (await table(disk)).kind))).toEqual(['gpt', 'none'])
})

it('an array that is on no record does not keep its disks from being erased, whatever its name', async () => {
  const { folder, machine, disks, arrays, order, table } = await machineWith()
  await using _folder = folder
  await order('clean', 'create_configuration')
  await expect(findRootDisk(fakeContext(machine))).rejects.toThrow('at least 4 GiB')
  expect(await order('clean', 'erase_devices_metadata', {}, { raid_config: {} })).toMatchObject({
    clean_result: { result: 'erase_devices_metadata: 2 disks erased: sda, sdb' },
  })
  expect(arrays).toEqual([])
  expect(await Promise.all(disks.map(async (disk) => (await table(disk)).kind))).toEqual(['none', 'none'])
})

it.each([
  ['is in pieces', (m: Made) => void m.arrays.splice(0), 'system'],
  ['does not run', (m: Made) => void (m.volume.sizeBytes = 0), 'system'],
  [
    'has much room in front of its data',
    (m: Made) => void (m.arrays[0] = { ...m.arrays[0]!, spans: { sda2: { dataAt: GIB, dataBytes: 1 } } }),
    'system',
  ],
  ['is read-only', (m: Made) => void (m.volume.readOnly = true), 'system'],
])('where an array on record %s, nothing is erased, and it is told', async (_, spoil, said) => {
  const made = await machineWith()
  await using _folder = made.folder
  await made.order('clean', 'create_configuration')
  const before = await Promise.all(made.disks.map(edges))
  spoil(made)
  await expect(made.order('clean', 'erase_devices_metadata')).rejects.toMatchObject({
    type: 'SoftwareRAIDError',
    message: expect.stringContaining(said) as string,
  })
  expect(await Promise.all(made.disks.map(edges))).toEqual(before)
})

it('a volume that is to be kept and is on no record: nothing is erased, and it is told', async () => {
  const { folder, disks, order } = await machineWith({ dirty: true })
  await using _folder = folder
  const before = await edges(disks[1]!)
  const keeping = { properties: { skip_block_devices: [{ volume_name: 'old' }] } }
  await expect(order('clean', 'erase_devices_metadata', {}, keeping)).rejects.toThrow('old')
  expect(await edges(disks[1]!)).toBe(before)
})

it.each([
  ['does not run', (m: Made) => void (m.volume.sizeBytes = 0)],
  ['is in pieces', (m: Made) => void m.arrays.splice(0)],
])('a volume that is to be kept and %s is not deleted, and stays on record', async (_, spoil) => {
  const made = await machineWith()
  await using _folder = made.folder
  await made.order('clean', 'create_configuration')
  spoil(made)
  const there = made.arrays.length
  const keeping = { properties: { skip_block_devices: [{ volume_name: 'system' }] } }
  await expect(made.order('clean', 'delete_configuration', {}, keeping)).rejects.toThrow('system: kept by skip')
  expect(made.arrays.length).toBe(there)
})
