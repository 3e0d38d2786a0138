import type { Qcow2Header } from '../../shared/qcow2-header.ts';
/** A file that is kept somewhere while it is being read. */
export interface RandomAccess {
    readonly bytes: number;
    /** Exactly `length` bytes at `offset`; both were checked by the caller. */
    read(offset: number, length: number): Promise<Buffer>;
}
export interface Qcow2Image extends Qcow2Header {
    /** Fills `into` with guest bytes from `guestOffset` (a multiple of the cluster size). False: all of it is zeros and nothing was filled in. */
    readGuest(into: Uint8Array, guestOffset: number): Promise<boolean>;
}
/** Length of the first zstd frame (RFC 8878 §3.1.1), since what follows it in the file is padding or another cluster. */
export declare function zstdFrameBytes(bytes: Buffer): number;
/** Throws CodecError for anything that is not a qcow2 image that we read (see qcow2-header.ts). */
export declare function openQcow2(file: RandomAccess): Promise<Qcow2Image>;
