/** One regular file; names up to 100 characters. */
export declare function tarFile(name: string, content: Uint8Array): Buffer;
export declare const tarEnd: Buffer<ArrayBuffer>;
