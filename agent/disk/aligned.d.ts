/** Unit of bulk transfers: large enough that neither the thread pool nor a spindle's rotation shows. */
export declare const CHUNK_BYTES: number;
/** `bytes` zeroed bytes starting on a page boundary. */
export declare function alignedBuffer(bytes: number): Uint8Array<SharedArrayBuffer>;
/** Whether every byte is zero; stops at the first one that is not. */
export declare function isZero(bytes: Uint8Array): boolean;
