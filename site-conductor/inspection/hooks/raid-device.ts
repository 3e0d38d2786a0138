// Two inspections, one before and one after a RAID volume was made: the disk that is new is the root disk.
import type { Found, Hook } from '../found.ts'

/** What the next inspection compares with is kept in the node, where there is not room for everything. */
const [MAX_SERIALS, MAX_CHARACTERS] = [64, 128]

export const raidDevice: Hook = ({ inventory, properties, earlierDisks }) => {
  if (earlierDisks === undefined || properties['root_device'] !== undefined) return undefined
  const fresh = (serialsOf(inventory) ?? []).filter((serial) => !earlierDisks.includes(serial))
  return fresh.length === 1 ? { properties: { root_device: { serial: fresh[0] } } } : undefined
}

/** Undefined for more disks than are kept. */
export function serialsOf({ disks = [] }: Found['inventory']): string[] | undefined {
  const serials = disks.flatMap(({ serial }) => serial?.slice(0, MAX_CHARACTERS) ?? [])
  return serials.length > MAX_SERIALS ? undefined : serials
}
