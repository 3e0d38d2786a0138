import type { BlockTarget } from './block-target.ts';
import type { Gpt, GptEntry } from './gpt.ts';
import type { Mbr } from './mbr.ts';
export type PartitionTable = {
    kind: 'gpt';
    gpt: Gpt;
} | {
    kind: 'mbr';
    mbr: Mbr;
} | {
    kind: 'none';
};
/** Where a partition lies, in bytes of the disk. */
export interface Partition {
    number: number;
    name: string;
    startBytes: number;
    sizeBytes: number;
}
/**
 * As Linux sees it: a GPT counts only behind an MBR with a protective entry, so that the leftover of one behind a newer MBR does not.
 * PartitionTableError when a GPT is there but broken, or made for another sector size.
 */
export declare function readPartitionTable(target: BlockTarget): Promise<PartitionTable>;
export declare function listPartitions(table: PartitionTable, sectorBytes: number): Partition[];
/** A table on a disk that has none: a protective MBR, and a GPT with these partitions. */
export declare function writeNewTable(target: BlockTarget, partitions: readonly (Partition & {
    readonly type: string;
})[]): Promise<void>;
/** A GPT of the usual size with these entries. PartitionTableError where one of them lies outside of it. */
export declare function usualGpt(target: BlockTarget, diskGuid: string, entries: GptEntry[]): Gpt;
/** The table, behind a protective MBR without boot code. */
export declare function writeTable(target: BlockTarget, gpt: Gpt): Promise<void>;
/** After a raw write: moves the GPT's mirror from the image's end to the disk's. Nothing to do without a GPT. */
export declare function moveGptMirrorToEnd(target: BlockTarget): Promise<PartitionTable>;
/**
 * A new partition of `sizeBytes` (rounded up to sectors) at the end of the disk, aligned to 1 MiB; on an MBR a primary one below 2^32 sectors.
 * PartitionTableError when there is no room, no free entry or no table.
 */
export declare function addPartitionAtEnd(target: BlockTarget, options: {
    name: string;
    sizeBytes: number;
    guid: string;
}): Promise<Partition>;
