import type { BlockTarget } from './block-target.ts';
/** The byte ranges to erase: [start, length], clipped to the disk. */
export declare function metadataRanges(target: BlockTarget): Promise<[number, number][]>;
/** Zeros all ranges, flushes, and reads them back. Resolves with the number of bytes zeroed; DiskWriteError when something came back. */
export declare function eraseMetadata(target: BlockTarget, signal: AbortSignal): Promise<number>;
