import { type CommandContext } from '../command.ts';
import { type Place } from './each-disk.ts';
export declare function eraseMetadataOf({ signal, log }: CommandContext, place: Place): Promise<void>;
export declare const eraseDevicesMetadataStep: import("../command.ts").Step;
