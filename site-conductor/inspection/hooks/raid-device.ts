// Two inspections, one before and one after a RAID volume was made: the disk that is new is the root disk.
import type { Found, Hook } from '../found.ts'

export const raidDevice: Hook = ({ inventory, properties, earlierDisks }) => {
  if (earlierDisks === undefined || properties['root_device'] !== undefined) return undefined
  const fresh = serialsOf(inventory).filter((serial) => !earlierDisks.includes(serial))
  return fresh.length === 1 ? { properties: { root_device: { serial: fresh[0] } } } : undefined
}

export function serialsOf({ disks = [] }: Found['inventory']): string[] {
  return disks.flatMap(({ serial }) => serial ?? [])
}
