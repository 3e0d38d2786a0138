import * as z from 'zod';
import type { CommandContext } from '../command.ts';
import type { BlockTarget } from '../disk/block-target.ts';
import type { PartitionTable } from '../disk/partition-table.ts';
/** Base64 of an ISO 9660 or FAT volume, or of its gzip; or an http(s) URL where either form lies as it is. */
export declare const configDriveSchema: z.ZodString;
export declare function fetchConfigDrive(context: CommandContext, configdrive: string): Promise<Buffer>;
export declare function placeConfigDrive(context: CommandContext, target: BlockTarget, table: PartitionTable, volume: Buffer): Promise<string>;
export declare const writeConfigDriveStep: import("../command.ts").Step;
