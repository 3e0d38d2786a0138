import { describe, expect, it } from 'vitest'
import { AgentFault } from '../fault.ts'
import { GIB } from '../testing.ts'
import type { BlockDevice } from './block-devices.ts'
import { chooseRootDisk, matchesHints } from './root-hints.ts'

const device = (facts: Partial<BlockDevice>): BlockDevice => ({
  name: 'sda',
  path: `/dev/${facts.name ?? 'sda'}`,
  sizeBytes: 100 * GIB,
  logicalSectorBytes: 512,
  physicalSectorBytes: 512,
  rotational: false,
  readOnly: false,
  removable: false,
  model: 'Fast SSD 9000',
  vendor: 'ACME',
  serial: 'S3R14L',
  wwn: '0x5000c50015ea71aa',
  wwnWithExtension: '0x5000c50015ea71aa',
  wwnVendorExtension: null,
  hctl: '1:0:0:0',
  byPath: '/dev/disk/by-path/pci-0000:00:1f.2-ata-1',
  tran: 'sata',
  canZero: false,
  ...facts,
})

const yes: Record<string, unknown>[] = [
  { size: 100 },
  { size: '100' },
  { size: '== 100' },
  { size: '!= 99' },
  { size: '>= 100' },
  { size: '<= 100' },
  { size: '> 99' },
  { size: '< 101' },
  { size: '= 60' }, // "=" means at least
  { size: '<or> 50 <or> 100' },
  { size: '<range-in> [ 50 100 ]' },
  { size: '<range-in> ( 99 101 )' },
  { model: 'fast ssd 9000' },
  { model: 's== Fast SSD 9000' },
  { model: 's!= other' },
  { model: '<in> SSD 9' },
  { model: '<all-in> 9000 fast' },
  { model: '<or> Slow Disk <or> Fast SSD 9000' },
  { serial: 's>= S3R14K' },
  { serial: 's> S3R14K' },
  { serial: 's<= S3R14M' },
  { serial: 's< S3R14M' },
  { wwn: '0x5000C50015EA71AA' },
  { vendor: 'acme', rotational: false },
  { rotational: 'no' },
  { name: '/dev/sda' },
  { hctl: '1:0:0:0' },
  { by_path: '/dev/disk/by-path/pci-0000:00:1f.2-ata-1' },
  { tran: 'SATA' },
]
const no: Record<string, unknown>[] = [
  { size: 99 },
  { size: '> 100' },
  { size: '< 100' },
  { size: '= 101' },
  { size: '<range-in> [ 50 100 )' },
  { size: '<or> 1 <or> 2' },
  { model: 'fast' },
  { model: 's!= Fast SSD 9000' },
  { model: '<in> HDD' },
  { model: '<all-in> fast hdd' },
  { serial: 's< S3R14L' },
  { rotational: true },
  { wwn_vendor_extension: '0x1' },
  { vendor: 'acme', size: 5 },
]
const senseless: Record<string, unknown>[] = [
  { colour: 'red' },
  { size: 0 },
  { size: '-5' },
  { size: 'large' },
  { size: '<range-in> 5 6' },
  { rotational: 'perhaps' },
]

describe('root device hints', () => {
  it.each(yes)('%j matches', (hints) => expect(matchesHints(device({}), hints)).toBe(true))
  it.each(no)('%j does not match', (hints) => expect(matchesHints(device({}), hints)).toBe(false))
  it.each(senseless)('%j is a fault', (hints) => expect(() => matchesHints(device({}), hints)).toThrow(AgentFault))
})

describe('the root disk', () => {
  const disks = [
    device({ name: 'sda', sizeBytes: 500 * GIB }),
    device({ name: 'sdb', sizeBytes: 3 * GIB }),
    device({ name: 'sdc', sizeBytes: 8 * GIB, removable: true }),
    device({ name: 'sdd', sizeBytes: 9 * GIB, readOnly: true }),
    device({ name: 'sde', sizeBytes: 20 * GIB, serial: 'E' }),
    device({ name: 'sdf', sizeBytes: 20 * GIB, serial: 'F' }),
  ]
  it('is the smallest fixed, writable one of at least 4 GiB, the first by name of equals', () => {
    expect(chooseRootDisk(disks, undefined).name).toBe('sde')
    expect(chooseRootDisk(disks, {}).name).toBe('sde')
  })
  it('is the first that matches the hints, even if small', () => {
    expect(chooseRootDisk(disks, { size: '<= 10' }).name).toBe('sdb')
  })
  it('is never one to be skipped', () => {
    expect(chooseRootDisk(disks, undefined, ({ serial }) => serial === 'E').name).toBe('sdf')
  })
  it('missing is a fault that says what was seen', () => {
    expect(() => chooseRootDisk(disks, { serial: 'zzz' })).toThrow(
      expect.objectContaining({ type: 'DeviceNotFound', details: expect.stringContaining('sda 500.0 GiB') }),
    )
    expect(() => chooseRootDisk([], undefined)).toThrow(AgentFault)
  })
})
