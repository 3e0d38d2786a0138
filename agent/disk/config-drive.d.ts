import type { BlockTarget } from './block-target.ts';
import type { Partition, PartitionTable } from './partition-table.ts';
export declare const CONFIG_DRIVE_LABEL = "config-2";
/** Volume label of an ISO 9660 (ECMA-119 §8.4) or FAT volume from its first 34 KiB; undefined when it is neither. */
export declare function volumeLabel(head: Buffer): string | undefined;
/** Base64 text of a volume or of its gzip → the volume's bytes, at most 64 MiB and labelled config-2. Throws InvalidConfigDrive. */
export declare function decodeConfigDrive(text: string): Buffer;
/** Raw or gzipped bytes of a volume → the volume's bytes. */
export declare function checkConfigDrive(packed: Buffer): Buffer;
/**
 * Writes the volume into the partition labelled config-2 or into a new one of 64 MiB at the end of the disk (always 64, as Ironic does, so that a
 * larger one fits into the same place later), and reads all of it back.
 */
export declare function writeConfigDrive(target: BlockTarget, table: PartitionTable, volume: Buffer, guid: string): Promise<Partition>;
