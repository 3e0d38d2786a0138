import type { BlockDevice } from './block-devices.ts';
import { type BlockTarget } from './block-target.ts';
import { type MdArray } from './md-arrays.ts';
/**
 * Erases the metadata of a disk whose arrays are taken apart: the whole disk's where nothing but their partitions and the firmware's is on it, else only
 * that of their partitions. `members`: the paths of those, of all disks.
 */
export declare function eraseMembers(target: BlockTarget, device: BlockDevice, members: readonly string[], signal: AbortSignal): Promise<void>;
/**
 * Gives `use` all of a disk that is not its arrays', in ranges that end where partitions do, each as a disk of its own: what is in the firmware's partition,
 * too, unless `keepsFirmware`, and what an array does not use of its own. Then the table is written anew, without boot code and with the partitions of the arrays and of the firmware: not before, so
 * that another attempt still finds the others. PartitionTableError, with nothing changed, where an array is in anything but a partition of a GPT.
 */
export declare function eachBesideArrays(target: BlockTarget, device: BlockDevice, arrays: readonly MdArray[], { keepsFirmware, use }: {
    keepsFirmware: boolean;
    use(part: BlockTarget): Promise<void>;
}): Promise<void>;
