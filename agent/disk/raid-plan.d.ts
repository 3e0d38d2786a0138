import * as z from 'zod';
import type { BlockDevice } from './block-devices.ts';
export declare const raidConfigSchema: z.ZodObject<{
    logical_disks: z.ZodArray<z.ZodObject<{
        size_gb: z.ZodUnion<readonly [z.ZodInt, z.ZodLiteral<"MAX">]>;
        raid_level: z.ZodEnum<{
            0: "0";
            1: "1";
            "1+0": "1+0";
            5: "5";
            6: "6";
        }>;
        volume_name: z.ZodOptional<z.ZodString>;
        is_root_volume: z.ZodOptional<z.ZodBoolean>;
        controller: z.ZodLiteral<"software">;
        physical_disks: z.ZodOptional<z.ZodArray<z.ZodRecord<z.ZodString, z.ZodUnknown>>>;
    }, z.core.$loose>>;
}, z.core.$loose>;
export type RaidConfig = z.output<typeof raidConfigSchema>;
/** What an array keeps of a member for itself: superblock, bitmap and room to grow (mdadm takes 128 MiB of a large one). */
export declare const OVERHEAD_BYTES: number;
/** Ironic's sizes. */
export declare const FIRMWARE_BYTES: {
    readonly uefi: number;
    readonly bios: number;
};
export interface PlannedPartition {
    readonly kind: 'firmware' | 'raid';
    readonly number: number;
    readonly startBytes: number;
    readonly sizeBytes: number;
}
export interface PlannedArray {
    /** Its place in the configuration. */
    readonly index: number;
    readonly name: string;
    readonly isRoot: boolean;
    readonly level: string;
    readonly members: readonly {
        readonly device: BlockDevice;
        readonly number: number;
    }[];
}
export interface RaidPlan {
    readonly partitions: ReadonlyMap<BlockDevice, readonly PlannedPartition[]>;
    readonly arrays: readonly PlannedArray[];
}
/** Throws SoftwareRAIDError where the disks do not do. */
export declare function planRaid(config: RaidConfig, disks: readonly BlockDevice[], mode: 'uefi' | 'bios'): RaidPlan;
