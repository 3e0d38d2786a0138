import type { CommandContext } from '../command.ts';
import type { BlockDevice } from '../disk/block-devices.ts';
import type { BlockTarget } from '../disk/block-target.ts';
/** What may be erased of a disk: all of it, or what lies beside its arrays. */
export interface Place {
    readonly device: BlockDevice;
    /** Names of the arrays that have their partitions on it. */
    readonly beside: readonly string[];
    /** Opens it; where there are arrays, one range after the other, each as a disk of its own. */
    each(use: (target: BlockTarget) => Promise<void>): Promise<void>;
}
/** `skipped`: names with the reason. What is in the partitions of an array is the array's, which is a disk of its own. */
export declare function placesToErase(context: CommandContext): Promise<{
    wanted: Place[];
    skipped: string[];
}>;
interface EachDisk {
    /** What went wrong where some of them fail. */
    readonly failure: string;
    /** Disks at once. */
    readonly atOnce: number;
    /** Answers how it was done, for people; '' where there is one way only. `done`: bytes of this disk so far, out of `workBytes` of it. */
    erase(place: Place, done: (bytes: number) => void): Promise<string>;
    workBytes(device: BlockDevice): number;
}
/** Erases every disk that may be erased; DiskWriteError names those where that failed. Answers what was done, and what was left out. */
export declare function eraseEachDisk(context: CommandContext, step: string, each: EachDisk): Promise<string>;
export {};
