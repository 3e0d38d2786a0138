// Which drives a RAID configuration takes. Pure: Ironic's logical disks and what the controllers have in, volumes out; the same every time, so that
// a step that is begun again finds what it made before.
import { FaultError } from '../../../shared/faults.ts'
import type { Controller, Drive, NewVolume, Volume } from '../../redfish/storage.ts'

interface Level {
  readonly type: string
  readonly min: number
  /** Default: any number. */
  readonly max?: number
  readonly even?: boolean
  /** Bytes of n drives of this size each. */
  readonly usable: (drives: number, bytes: number) => number
}

const LEVELS: Readonly<Record<string, Level>> = {
  '0': { type: 'RAID0', min: 1, usable: (n, bytes) => n * bytes },
  '1': { type: 'RAID1', min: 2, max: 2, usable: (_, bytes) => bytes },
  '5': { type: 'RAID5', min: 3, usable: (n, bytes) => (n - 1) * bytes },
  '6': { type: 'RAID6', min: 4, usable: (n, bytes) => (n - 2) * bytes },
  '1+0': { type: 'RAID10', min: 4, even: true, usable: (n, bytes) => (n / 2) * bytes },
  '5+0': { type: 'RAID50', min: 6, even: true, usable: (n, bytes) => (n - 2) * bytes },
  '6+0': { type: 'RAID60', min: 8, even: true, usable: (n, bytes) => (n - 4) * bytes },
}
const GIB = 1024 ** 3
/** Controllers round sizes. */
const SLACK = 0.02

export interface LogicalDisk {
  readonly size_gb: number | 'MAX'
  readonly raid_level: string
  readonly volume_name?: string
  readonly is_root_volume?: boolean
  readonly disk_type?: string
  readonly interface_type?: string
  readonly number_of_physical_disks?: number
  readonly controller?: string
  readonly physical_disks?: readonly unknown[]
}

export interface PlannedVolume extends NewVolume {
  readonly controller: string
}

/** `taken`: drives of volumes that stay. Throws request.invalid for what cannot be made of these drives. */
export function planVolumes(
  wanted: readonly LogicalDisk[],
  controllers: readonly Controller[],
  taken: ReadonlySet<string>,
): PlannedVolume[] {
  const used = new Set(taken)
  const planned = new Map<LogicalDisk, PlannedVolume>()
  // Those who name their drives come first, so that nobody else has taken them.
  const inOrder = wanted.toSorted(
    (a, b) => Number(b.physical_disks !== undefined) - Number(a.physical_disks !== undefined),
  )
  for (const disk of inOrder) {
    const number = wanted.indexOf(disk) + 1
    const found = place(disk, number, controllers, used)
    for (const path of found.drives) used.add(path)
    planned.set(disk, found)
  }
  return wanted.map((disk) => planned.get(disk)!)
}

function place(
  disk: LogicalDisk,
  number: number,
  controllers: readonly Controller[],
  used: ReadonlySet<string>,
): PlannedVolume {
  const refuse = (why: string): never => {
    throw new FaultError('request.invalid', `logical disk ${number} (RAID ${disk.raid_level}): ${why}`)
  }
  const level = LEVELS[disk.raid_level] ?? refuse('a BMC does not make this level')
  if (disk.controller === 'software') refuse('software RAID is made by the agent, with raid_interface agent')
  const eligible = controllers.filter(({ id, volumesPath }) => volumesPath && (disk.controller ?? id) === id)
  if (eligible.length === 0) refuse('there is no such controller that makes volumes')
  for (const controller of eligible) {
    const drives = choose(
      disk,
      level,
      controller.drives.filter((drive) => !used.has(drive.path) && fits(disk, drive)),
    )
    if (drives === undefined) continue
    const bytes = disk.size_gb === 'MAX' ? undefined : disk.size_gb * GIB
    const name = disk.volume_name ?? `volume-${number}`
    return {
      controller: controller.id,
      name,
      raidType: level.type,
      bytes,
      drives: drives.map(({ path }) => path).sort(),
    }
  }
  return refuse('no controller has enough free drives of the wanted kind')
}

function fits(disk: LogicalDisk, { id, media, protocol }: Drive): boolean {
  if (disk.physical_disks !== undefined && !disk.physical_disks.includes(id)) return false
  if (disk.disk_type !== undefined && media?.toLowerCase() !== disk.disk_type) return false
  return disk.interface_type === undefined || protocol?.toLowerCase() === disk.interface_type
}

/** As few as will do, of those with the same size; the smallest such size first. Undefined: they do not suffice. */
function choose(disk: LogicalDisk, level: Level, free: readonly Drive[]): Drive[] | undefined {
  const named = disk.physical_disks?.length
  const exact = disk.number_of_physical_disks ?? named
  const sizes = [...new Set(free.map(({ bytes }) => bytes))].sort((a, b) => a - b)
  for (const size of named === undefined ? sizes : sizes.slice(0, 1)) {
    const same = named === undefined ? free.filter(({ bytes }) => bytes === size) : free
    const most = Math.min(same.length, level.max ?? same.length)
    for (let n = exact ?? level.min; n <= (exact ?? most); n++) {
      const isPossible = n >= level.min && n <= most && !(level.even && n % 2 === 1)
      if (isPossible && (disk.size_gb === 'MAX' || level.usable(n, size) >= disk.size_gb * GIB)) return same.slice(0, n)
    }
  }
  return undefined
}

/** Is it there already? Its name is no sign: not every BMC keeps it. */
export function isMadeAs(volume: Volume, planned: NewVolume): boolean {
  const hasDrives =
    volume.drives.length === planned.drives.length && volume.drives.every((path) => planned.drives.includes(path))
  const hasSize = planned.bytes === undefined || Math.abs(volume.bytes - planned.bytes) <= planned.bytes * SLACK
  return volume.raidType === planned.raidType && hasDrives && hasSize
}

/** As `raid_config` of a node shows it. */
export function logicalDiskOf(volume: Volume, controller: string): Record<string, unknown> {
  const level = Object.entries(LEVELS).find(([, { type }]) => type === volume.raidType)?.[0]
  return {
    id: volume.id,
    volume_name: volume.name,
    controller,
    raid_level: level ?? volume.raidType ?? 'JBOD',
    size_gb: Math.floor(volume.bytes / GIB),
    physical_disks: volume.drives.map((path) => path.split('/').at(-1)),
  }
}
