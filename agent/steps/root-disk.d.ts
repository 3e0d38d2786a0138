import type { CommandContext } from '../command.ts';
import type { BlockDevice } from '../disk/block-devices.ts';
import type { BlockTarget } from '../disk/block-target.ts';
/**
 * The root volume of software RAID, where there is one. Else hints of the instance win over those of the node. What properties.skip_block_devices keeps
 * and members of arrays are never chosen.
 */
export declare function findRootDisk(context: CommandContext): Promise<BlockDevice>;
/**
 * Opens the root disk, does something with it, closes it. `changed`: the kernel then reads its partition table again (only then: while we hold the
 * disk, it refuses). A kernel that does not is a line in the log, since the next boot reads it anyway.
 */
export declare function withRootDisk<T>(context: CommandContext, { changed }: {
    changed: boolean;
}, use: (target: BlockTarget, device: BlockDevice) => Promise<T>): Promise<T>;
