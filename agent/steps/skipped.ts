// What properties.skip_block_devices keeps, as in Ironic: sets of root device hints name disks, `volume_name` names an array. An array is kept as a whole: when
// it, or the disk of one of its members, is named.
import type { CommandContext } from '../command.ts'
import type { BlockDevice } from '../disk/block-devices.ts'
import { arraysOn, type MdArray, shortName } from '../disk/md-arrays.ts'
import { matchesHints } from '../disk/root-hints.ts'

type Hints = Record<string, unknown>
const isHints = (value: unknown): value is Hints => typeof value === 'object' && value !== null && !Array.isArray(value)

export interface Skipped {
  readonly arrays: readonly MdArray[]
  /** Of which there is no array. */
  readonly unknownVolumes: readonly string[]
  /** Whether the disk is named, or is an array that is kept. */
  has(disk: BlockDevice): boolean
}

/** Of `disks`, among which the arrays are, too. */
export function skippedOf(
  { node }: CommandContext,
  disks: readonly BlockDevice[],
  arrays: readonly MdArray[],
): Skipped {
  const hints = node.properties['skip_block_devices']
  const sets = Array.isArray(hints) ? hints.filter(isHints) : []
  const isCalled = ({ name }: MdArray, volume: unknown) => volume !== undefined && name === shortName(String(volume))
  const isNamed = (disk: BlockDevice) =>
    sets.some(({ volume_name: volume, ...set }) => {
      const isVolume = arrays.some((array) => array.path === disk.path && isCalled(array, volume))
      return (volume === undefined || isVolume) && matchesHints(disk, set)
    })
  const named = disks.filter(isNamed)
  const kept = arrays.filter(
    (array) =>
      named.some(({ path }) => path === array.path || arraysOn(path, [array]).length > 0) ||
      // One that does not run is no disk that other hints could be compared with.
      (!disks.some(({ path }) => path === array.path) && sets.some((set) => isCalled(array, set['volume_name']))),
  )
  const has = (disk: BlockDevice) => named.includes(disk) || kept.some(({ path }) => path === disk.path)
  const unknownVolumes = sets
    .flatMap(({ volume_name: volume }) => (volume === undefined ? [] : [String(volume)]))
    .filter((volume) => !arrays.some((array) => isCalled(array, volume)))
  return { arrays: kept, unknownVolumes, has }
}
