// Which disks are cut where, for which arrays.
import { expect, test } from 'vitest'
import type { BlockDevice } from './block-devices.ts'
import { planRaid, raidConfigSchema } from './raid-plan.ts'

const MIB = 1024 ** 2
const GIB = 1024 ** 3
const disk = (name: string, sizeBytes = 100 * GIB, more: Partial<BlockDevice> = {}): BlockDevice => ({
  ...{ name, path: `/dev/${name}`, sizeBytes, logicalSectorBytes: 512, physicalSectorBytes: 512, rotational: false },
  ...{ readOnly: false, removable: false, model: null, vendor: null, serial: name, wwn: null, wwnWithExtension: null },
  ...{ wwnVendorExtension: null, hctl: null, byPath: null, tran: null, canZero: false },
  ...more,
})
const disks = (count: number) => Array.from({ length: count }, (_, i) => disk(`sd${'abcdef'[i]}`))
const soft = (raid_level: string, size_gb: number | 'MAX', more: object = {}) => ({
  raid_level,
  size_gb,
  controller: 'software',
  ...more,
})
const plan = (logical_disks: object[], all: BlockDevice[], mode: 'uefi' | 'bios' = 'uefi') =>
  planRaid(raidConfigSchema.parse({ logical_disks }), all, mode)

test('room for the firmware, then each array in its order, and the rest for whoever asked for it', () => {
  const all = disks(4)
  const { partitions, arrays } = plan(
    [soft('1', 'MAX', { volume_name: 'rest', is_root_volume: true }), soft('1+0', 20, { volume_name: 'fast' })],
    all,
  )
  expect(arrays.map(({ name, level, isRoot }) => [name, level, isRoot])).toEqual([
    ['fast', '10', false],
    ['rest', '1', true],
  ])
  const [firmware, fast, rest, ...none] = partitions.get(all[0]!)!
  expect(none).toEqual([])
  expect(firmware).toEqual({ kind: 'firmware', number: 1, startBytes: MIB, sizeBytes: 550 * MIB })
  // Half of its 20 GiB on each of two pairs, and what the array keeps for itself.
  expect(fast).toEqual({ kind: 'raid', number: 2, startBytes: 551 * MIB, sizeBytes: 10 * GIB + 192 * MIB })
  expect(rest!.startBytes).toBe(fast!.startBytes + fast!.sizeBytes)
  expect(rest!.startBytes + rest!.sizeBytes).toBe(100 * GIB - MIB)
  expect(plan([soft('1', 1)], all, 'bios').partitions.get(all[0]!)![0]!.sizeBytes).toBe(8 * MIB)
})

test('disks that are asked for by hints, each once', () => {
  const all = [disk('sda'), disk('nvme0n1', 50 * GIB), disk('sdb')]
  const hints = [{ size: '>= 80' }, { size: '>= 80' }]
  const { arrays } = plan([soft('1', 10, { physical_disks: hints })], all)
  expect(arrays[0]!.members.map(({ device }) => device.name)).toEqual(['sda', 'sdb'])
  expect(() => plan([soft('1', 10, { physical_disks: [...hints, { size: '>= 80' }] })], all)).toThrow('no disk matches')
})

test.each([
  ['too few disks', [soft('1', 1)], 1, 'needs 2 disks'],
  ['too few for its level', [soft('1', 1), soft('6', 1)], 3, 'RAID 6 needs 4 disks'],
  ['too large', [soft('1', 200)], 2, 'no room'],
  ['nothing left', [soft('1', 99), soft('0', 5)], 2, 'no room'],
])('%s', (_, logical, count, said) => {
  expect(() => plan(logical, disks(count))).toThrow(said)
})

test.each([
  ['three of them', [soft('1', 1), soft('1', 1), soft('1', 1)]],
  ['a first one that is no mirror', [soft('0', 1)]],
  ['a controller of the machine', [{ ...soft('1', 1), controller: 'RAID.Slot.1' }]],
  ['two that want the rest', [soft('1', 'MAX'), soft('0', 'MAX')]],
  ['two roots', [soft('1', 1, { is_root_volume: true }), soft('0', 1, { is_root_volume: true })]],
  ['one disk by hint', [soft('1', 1, { physical_disks: [{ size: 1 }] })]],
  ['names of disks', [soft('1', 1, { physical_disks: ['a', 'b'] })]],
])('%s is no configuration for software', (_, logical_disks) => {
  expect(raidConfigSchema.safeParse({ logical_disks }).success).toBe(false)
})
