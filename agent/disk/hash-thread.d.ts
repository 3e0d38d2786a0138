import type { DigestAlgorithm } from './digest.ts';
export interface HashThread {
    /** Resolves when the bytes have been taken in; until then they must not change. Order of calls is order of hashing. */
    update(chunk: Uint8Array<SharedArrayBuffer>): Promise<void>;
    /** Lower-case hexadecimal. */
    digest(): Promise<string>;
    /** Always call it; an unfinished thread is ended. */
    close(): Promise<void>;
}
export declare function startHashThread(algorithm: DigestAlgorithm): HashThread;
