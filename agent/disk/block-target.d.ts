import type { BlockDevice } from './block-devices.ts';
/** `read` and `shared` are also possible where something in the kernel holds the disk, or a partition of it. */
export type DiskAccess = 'exclusive' | 'shared' | 'read';
export interface BlockTarget {
    readonly path: string;
    readonly sizeBytes: number;
    readonly sectorBytes: number;
    /** Whole range or a fault. Goes through the page cache unless buffer, offset and length are aligned (see aligned.ts). */
    read(into: Uint8Array, offset: number): Promise<void>;
    write(from: Uint8Array, offset: number): Promise<void>;
    /** Makes [offset, offset + length) read as zeros; the device does it by itself where it can. */
    zero(offset: number, length: number): Promise<void>;
    /** Returns when everything written is on stable storage. */
    flush(): Promise<void>;
    close(): Promise<void>;
}
/** Opens for reading and writing, unless `access` says otherwise. Fails with DeviceNotFound, DiskReadError or DiskWriteError, always naming path and offset. */
export declare function openBlockTarget(device: Pick<BlockDevice, 'path' | 'sizeBytes' | 'logicalSectorBytes' | 'canZero'>, access?: DiskAccess): Promise<BlockTarget>;
/** A range of an open disk as a disk of its own; closing it leaves the disk open. */
export declare function partOf(target: BlockTarget, startBytes: number, sizeBytes: number): BlockTarget;
