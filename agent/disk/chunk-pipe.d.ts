import type { DigestAlgorithm } from './digest.ts';
export interface ChunkPipe {
    /** Bytes taken in so far. */
    readonly bytes: number;
    /** Takes the bytes (they may be reused afterwards). A promise means: nothing more before it resolves. */
    push(bytes: Uint8Array): Promise<void> | undefined;
    /** The other way in, without a copy: fill what space() gives from its start, then say how far. */
    space(): Uint8Array;
    filled(bytes: number): Promise<void> | undefined;
    /** Stores the last, shorter chunk and gives the digest (lower-case hexadecimal) of all bytes. */
    finish(): Promise<string>;
    close(): Promise<void>;
}
/** `store(chunk, offset)` is called in order; the next call does not wait for the last one's promise. `depth` chunks of 4 MiB are used. */
export declare function openChunkPipe(algorithm: DigestAlgorithm, store: (chunk: Uint8Array<SharedArrayBuffer>, offset: number) => Promise<void>, depth?: number): ChunkPipe;
