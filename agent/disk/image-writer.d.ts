import type { BlockTarget } from './block-target.ts';
export interface ImageWriter {
    /** Chunks of CHUNK_BYTES in order, the last may be shorter. The memory may be reused when the promise has resolved. */
    write(chunk: Uint8Array<SharedArrayBuffer>, offset: number): Promise<void>;
    /** Zeros from `offset` on, without anybody having to make them. `length` counts whole chunks, or reaches the end of the image. */
    zeros(offset: number, length: number): Promise<void>;
    /** Stores everything, reads the samples back, and writes the first chunk: only now does the disk boot. */
    seal(): Promise<void>;
}
/**
 * `imageBytes` (when known) spreads the samples over the image instead of over the disk. `keepAbove`: from there on the disk holds something
 * that is needed until seal().
 */
export declare function openImageWriter(target: BlockTarget, random: () => number, imageBytes?: number, keepAbove?: number): Promise<ImageWriter>;
