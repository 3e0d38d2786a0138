import type { BlockTarget } from './block-target.ts';
import type { RandomAccess } from './qcow2.ts';
export interface Spool {
    readonly where: 'memory' | 'disk';
    /** Bytes of the disk, from its start, that the image may use. */
    readonly freeBelow: number;
    store(chunk: Uint8Array<SharedArrayBuffer>, offset: number): Promise<void>;
    /** The file, `bytes` long, once it is complete. */
    file(bytes: number): RandomAccess;
}
export declare function memoryBudget(memAvailableBytes: number): number;
/** `fileBytes` undefined: the length is not known beforehand, so only memory will do. */
export declare function chooseSpool(fileBytes: number | undefined, memAvailableBytes: number, target: BlockTarget): Spool;
