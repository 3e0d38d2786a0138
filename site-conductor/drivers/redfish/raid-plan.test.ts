import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Controller, Drive } from '../../redfish/storage.ts'
import { isMadeAs, type LogicalDisk, planVolumes } from './raid-plan.ts'

const GIB = 1024 ** 3
const drive = (id: string, gib: number, media = 'SSD', protocol = 'SAS'): Drive => ({
  path: `/d/${id}`,
  id,
  model: undefined,
  serialNumber: undefined,
  bytes: gib * GIB,
  media,
  protocol,
})
const controller = (id: string, drives: Drive[], volumesPath: string | undefined = `/${id}/v`): Controller => ({
  id,
  drives,
  volumesPath,
  volumes: [],
  applyTimes: [],
})
const many = (count: number, gib = 480) => Array.from({ length: count }, (_, i) => drive(String(i), gib))
const plan = (disks: LogicalDisk[], controllers: Controller[], taken: string[] = []) =>
  planVolumes(disks, controllers, new Set(taken)).map(({ raidType, drives, bytes, controller: of }) => ({
    raidType,
    drives: drives.map((path) => path.slice(3)),
    gib: bytes === undefined ? undefined : bytes / GIB,
    of,
  }))

test.each([
  ['1', 'MAX', 4, 'RAID1', ['0', '1']],
  ['0', 'MAX', 4, 'RAID0', ['0']],
  ['0', 900, 4, 'RAID0', ['0', '1']],
  ['5', 1000, 8, 'RAID5', ['0', '1', '2', '3']],
  ['6', 'MAX', 8, 'RAID6', ['0', '1', '2', '3']],
  ['1+0', 1000, 8, 'RAID10', ['0', '1', '2', '3', '4', '5']],
  ['5+0', 'MAX', 8, 'RAID50', ['0', '1', '2', '3', '4', '5']],
  ['6+0', 'MAX', 8, 'RAID60', ['0', '1', '2', '3', '4', '5', '6', '7']],
] as const)(
  'RAID %s of %s GiB takes as few of %i drives as will do',
  (raid_level, size_gb, count, raidType, drives) => {
    expect(plan([{ raid_level, size_gb }], [controller('c', many(count))])).toMatchObject([{ raidType, drives }])
  },
)

test('drives that are named, and kinds of drives, are what is taken', () => {
  const mixed = controller('c', [
    drive('a', 960, 'HDD', 'SATA'),
    drive('b', 960, 'HDD', 'SATA'),
    drive('c', 480),
    drive('d', 480),
  ])
  expect(plan([{ raid_level: '1', size_gb: 'MAX', disk_type: 'hdd' }], [mixed])).toMatchObject([{ drives: ['a', 'b'] }])
  expect(plan([{ raid_level: '1', size_gb: 'MAX', interface_type: 'sas' }], [mixed])).toMatchObject([
    { drives: ['c', 'd'] },
  ])
  const named = { raid_level: '0', size_gb: 'MAX', controller: 'c', physical_disks: ['c'] } as const
  expect(plan([{ raid_level: '0', size_gb: 'MAX' }, named], [mixed])).toMatchObject([
    { drives: ['d'] },
    { drives: ['c'] },
  ])
})

test('a controller is the one that is named, else the first that has what is needed', () => {
  const two = [controller('small', many(1)), controller('big', [drive('x', 480), drive('y', 480)])]
  expect(plan([{ raid_level: '1', size_gb: 100 }], two)).toMatchObject([{ of: 'big', drives: ['x', 'y'], gib: 100 }])
  expect(() => plan([{ raid_level: '1', size_gb: 100, controller: 'small' }], two)).toThrow('enough')
})

test.each<[string, LogicalDisk, string]>([
  ['a level that BMCs do not make', { raid_level: 'JBOD', size_gb: 'MAX' }, 'JBOD'],
  ['software RAID', { raid_level: '1', size_gb: 'MAX', controller: 'software' }, 'agent'],
  ['more room than there is', { raid_level: '1', size_gb: 1000 }, 'enough'],
  ['too few drives for the level', { raid_level: '6', size_gb: 'MAX' }, 'enough'],
  ['another number than the level takes', { raid_level: '1', size_gb: 'MAX', number_of_physical_disks: 3 }, 'enough'],
  ['a drive that there is not', { raid_level: '0', size_gb: 'MAX', controller: 'c', physical_disks: ['9'] }, 'enough'],
  ['a controller that there is not', { raid_level: '0', size_gb: 'MAX', controller: 'x' }, 'controller'],
])('%s is refused', (_, disk, words) => {
  expect(() => plan([disk], [controller('c', many(3))])).toThrow(words)
})

test('drives of volumes that stay are left alone', () => {
  expect(plan([{ raid_level: '0', size_gb: 'MAX' }], [controller('c', many(2))], ['/d/0'])).toMatchObject([
    { drives: ['1'] },
  ])
})

const disks = fc.array(
  fc.record(
    {
      raid_level: fc.constantFrom('0', '1', '5', '6', '1+0'),
      size_gb: fc.oneof(fc.constant('MAX' as const), fc.integer({ min: 1, max: 2000 })),
      number_of_physical_disks: fc.integer({ min: 1, max: 6 }),
    },
    { requiredKeys: ['raid_level', 'size_gb'] },
  ),
  { minLength: 1, maxLength: 4 },
)

test('no drive is in two volumes, and the plan is the same every time', () => {
  fc.assert(
    fc.property(disks, fc.integer({ min: 1, max: 12 }), (wanted, count) => {
      const make = () => {
        try {
          return planVolumes(wanted, [controller('c', many(count))], new Set())
        } catch {
          return undefined
        }
      }
      const made = make()
      expect(make()).toEqual(made)
      const taken = (made ?? []).flatMap(({ drives }) => drives)
      expect(new Set(taken).size).toBe(taken.length)
    }),
  )
})

test('a volume is the wanted one by its level, drives and size, not by its name', () => {
  const wanted = { name: 'root', raidType: 'RAID1', bytes: 100 * GIB, drives: ['/d/0', '/d/1'] }
  const volume = {
    path: '/v/1',
    id: '1',
    name: 'VD_0',
    raidType: 'RAID1',
    bytes: 100 * GIB - 4096,
    drives: ['/d/0', '/d/1'],
  }
  expect(isMadeAs(volume, wanted)).toBe(true)
  expect(isMadeAs({ ...volume, raidType: 'RAID0' }, wanted)).toBe(false)
  expect(isMadeAs({ ...volume, bytes: 50 * GIB }, wanted)).toBe(false)
  expect(isMadeAs({ ...volume, drives: ['/d/0', '/d/2'] }, wanted)).toBe(false)
  expect(isMadeAs({ ...volume, drives: ['/d/0'] }, wanted)).toBe(false)
})
