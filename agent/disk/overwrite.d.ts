import type { BlockTarget } from './block-target.ts';
export declare const overwrittenBytes: (sizeBytes: number) => number;
/** Rejects with CommandAborted soon after the signal. `done`: bytes so far, of `overwrittenBytes`. */
export declare function overwrite(target: BlockTarget, signal: AbortSignal, done: (bytes: number) => void): Promise<void>;
