// What a software RAID configuration means on this machine's disks (reference: Ironic's RAID document): which disks, cut where, put together how. Pure.
// 1. Each disk begins with room for the firmware: an EFI system partition, or the boot partition of a BIOS. 2. Whoever asks for the rest gets it last.
import * as z from 'zod'
import { AgentFault } from '../fault.ts'
import type { BlockDevice } from './block-devices.ts'
import { matchesHints } from './root-hints.ts'

const MIB = 1024 ** 2
const GIB = 1024 ** 3

const LogicalDisk = z.looseObject({
  size_gb: z.union([z.int().positive(), z.literal('MAX')]),
  raid_level: z.enum(['0', '1', '1+0', '5', '6']),
  volume_name: z.string().max(255).optional(),
  is_root_volume: z.boolean().optional(),
  controller: z.literal('software'),
  physical_disks: z.array(z.record(z.string(), z.unknown())).min(2).optional(),
})
export const raidConfigSchema = z.looseObject({
  logical_disks: z
    .array(LogicalDisk)
    .min(1)
    .max(2)
    .refine(([first]) => first?.raid_level === '1', 'the first logical disk must have raid_level 1')
    .refine(
      (disks) => disks.filter(({ size_gb: size }) => size === 'MAX').length <= 1,
      'one can have the rest, not two',
    )
    .refine((disks) => disks.filter((disk) => disk.is_root_volume).length <= 1, 'at most one root volume'),
})
export type RaidConfig = z.output<typeof raidConfigSchema>

type Level = RaidConfig['logical_disks'][number]['raid_level']
/** As mdadm calls it, the fewest disks, and how many of `n` disks hold data. */
const LEVELS: Readonly<Record<Level, { readonly md: string; readonly least: number; dataDisks(n: number): number }>> = {
  '0': { md: '0', least: 2, dataDisks: (n) => n },
  '1': { md: '1', least: 2, dataDisks: () => 1 },
  '1+0': { md: '10', least: 4, dataDisks: (n) => n / 2 },
  '5': { md: '5', least: 3, dataDisks: (n) => n - 1 },
  '6': { md: '6', least: 4, dataDisks: (n) => n - 2 },
}

/** What an array keeps of a member for itself: superblock, bitmap and room to grow (mdadm takes 128 MiB of a large one). */
export const OVERHEAD_BYTES = 192 * MIB
const START_BYTES = MIB
/** Ironic's sizes. */
export const FIRMWARE_BYTES = { uefi: 550 * MIB, bios: 8 * MIB } as const

export interface PlannedPartition {
  readonly kind: 'firmware' | 'raid'
  readonly number: number
  readonly startBytes: number
  readonly sizeBytes: number
}
export interface PlannedArray {
  /** Its place in the configuration. */
  readonly index: number
  readonly name: string
  readonly isRoot: boolean
  readonly level: string
  readonly members: readonly { readonly device: BlockDevice; readonly number: number }[]
}
export interface RaidPlan {
  readonly partitions: ReadonlyMap<BlockDevice, readonly PlannedPartition[]>
  readonly arrays: readonly PlannedArray[]
}

const bad = (why: string) => new AgentFault('SoftwareRAIDError', why)

/** Throws SoftwareRAIDError where the disks do not do. */
export function planRaid(config: RaidConfig, disks: readonly BlockDevice[], mode: 'uefi' | 'bios'): RaidPlan {
  const partitions = new Map<BlockDevice, PlannedPartition[]>()
  const firmware = { kind: 'firmware', number: 1, startBytes: START_BYTES, sizeBytes: FIRMWARE_BYTES[mode] } as const
  const arrays: PlannedArray[] = []
  const isRest = ({ size_gb: size }: { size_gb: unknown }) => size === 'MAX'
  const named = config.logical_disks.map((disk, i) => ({ ...disk, index: i, name: disk.volume_name ?? `volume-${i}` }))
  for (const logical of named.toSorted((a, b) => Number(isRest(a)) - Number(isRest(b)))) {
    const { md, least, dataDisks } = LEVELS[logical.raid_level]
    const chosen = disksOf(logical.physical_disks, disks)
    if (chosen.length < least)
      throw bad(`RAID ${logical.raid_level} needs ${least} disks, and there are ${chosen.length}`)
    const members = chosen.map((device) => {
      const own = partitions.get(device) ?? [firmware]
      partitions.set(device, own)
      const { startBytes, sizeBytes } = own.at(-1)!
      const start = startBytes + sizeBytes
      const rest = Math.floor(device.sizeBytes / MIB - 1) * MIB - start
      const wanted = logical.size_gb === 'MAX' ? rest : shareOf(logical.size_gb, dataDisks(chosen.length))
      if (wanted > rest || rest <= OVERHEAD_BYTES)
        throw bad(`${device.path} has no room for ${logical.name}: ${wanted} bytes are wanted, ${rest} are left`)
      own.push({ kind: 'raid', number: own.length + 1, startBytes: start, sizeBytes: wanted })
      return { device, number: own.length }
    })
    arrays.push({
      index: logical.index,
      name: logical.name,
      isRoot: logical.is_root_volume === true,
      level: md,
      members,
    })
  }
  return { partitions, arrays }
}

/** In whole MiB. */
function shareOf(sizeGib: number, dataDisks: number): number {
  return Math.ceil((sizeGib * GIB) / dataDisks / MIB) * MIB + OVERHEAD_BYTES
}

/** All of them, or the first that each of the hints finds. */
function disksOf(hints: readonly Record<string, unknown>[] | undefined, disks: readonly BlockDevice[]): BlockDevice[] {
  if (hints === undefined) return [...disks]
  const chosen: BlockDevice[] = []
  for (const hint of hints) {
    const found = disks.find((device) => !chosen.includes(device) && matchesHints(device, hint))
    if (found === undefined) throw bad(`no disk matches ${JSON.stringify(hint)} of physical_disks`)
    chosen.push(found)
  }
  return chosen
}
