import type { Machine } from '../machine.ts';
import type { BlockDevice } from './block-devices.ts';
import type { GptEntry } from './gpt.ts';
import { type MdArray } from './md-arrays.ts';
export interface MemberLoader {
    /** Name of the disk. */
    readonly disk: string;
    readonly partition: GptEntry;
}
/** `system`: the EFI system partition of `volume`, which is the array. BootEntryError where a disk has no place for it. */
export declare function copyToMembers(machine: Machine, array: MdArray, volume: BlockDevice, system: GptEntry): Promise<MemberLoader[]>;
