import type { CommandContext } from '../command.ts';
import type { BlockDevice } from '../disk/block-devices.ts';
import { type MdArray } from '../disk/md-arrays.ts';
export interface Skipped {
    readonly arrays: readonly MdArray[];
    /** Of which there is no array. */
    readonly unknownVolumes: readonly string[];
    /** Whether the disk is named, or is an array that is kept. */
    has(disk: BlockDevice): boolean;
}
/** Of `disks`, among which the arrays are, too. */
export declare function skippedOf({ node }: CommandContext, disks: readonly BlockDevice[], arrays: readonly MdArray[]): Skipped;
