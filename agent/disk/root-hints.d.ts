import type { BlockDevice } from './block-devices.ts';
export declare const SMALLEST_ROOT_BYTES: number;
/** One expression against one fact. Throws InvalidCommandParamsError when the expression makes no sense for the fact's type. */
export declare function matchesExpression(hint: string, actual: string | number, expression: string): boolean;
/** Whether all hints match. Unknown hint names and senseless operators are faults, a fact that the kernel does not give is no match. */
export declare function matchesHints(device: BlockDevice, wanted: Record<string, unknown>): boolean;
/**
 * The disk to deploy to; one that is skipped is left alone.
 * Throws DeviceNotFound with what was there and why it did not do.
 */
export declare function chooseRootDisk(devices: BlockDevice[], wanted: Record<string, unknown> | undefined, isSkipped?: (device: BlockDevice) => boolean): BlockDevice;
