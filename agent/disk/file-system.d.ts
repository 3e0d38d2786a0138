import type { BlockTarget } from './block-target.ts';
/** As `mount -t` calls it. */
export type FileSystem = 'ext4' | 'xfs' | 'btrfs' | 'vfat';
/** Undefined where it is none of them. */
export declare function fileSystemAt(target: BlockTarget, { startBytes, sizeBytes }: {
    readonly startBytes: number;
    readonly sizeBytes: number;
}): Promise<FileSystem | undefined>;
