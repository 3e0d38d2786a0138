import * as z from 'zod';
import type { ListedStep } from '../shared/agent-protocol.ts';
import type { Command, CommandContext, CommandOutcome, Phase, Step } from './command.ts';
/** Those of the ramdisk, and commands that are steps as well. One of the same name is the ramdisk's. */
export declare function stepsWith(commands: readonly Command[]): readonly Step[];
/** Sent back by the conductor with each step; a difference means that it planned with another ramdisk. */
export declare const MANAGER = "FerruleHardwareManager";
export declare const MANAGER_VERSION: {
    ferrule_hardware_manager: string;
};
export declare function listSteps(phase: Phase, all: readonly Step[]): {
    [manager: string]: ListedStep[];
};
export declare const executeParams: z.ZodObject<{
    step: z.ZodObject<{
        step: z.ZodString;
        interface: z.ZodOptional<z.ZodString>;
        args: z.ZodOptional<z.ZodNullable<z.ZodRecord<z.ZodString, z.ZodUnknown>>>;
        priority: z.ZodOptional<z.ZodNumber>;
    }, z.core.$loose>;
    node: z.ZodObject<{
        uuid: z.ZodString;
        properties: z.ZodDefault<z.ZodRecord<z.ZodString, z.ZodUnknown>>;
        instance_info: z.ZodDefault<z.ZodRecord<z.ZodString, z.ZodUnknown>>;
        driver_internal_info: z.ZodDefault<z.ZodRecord<z.ZodString, z.ZodUnknown>>;
    }, z.core.$loose>;
    ports: z.ZodDefault<z.ZodArray<z.ZodObject<{
        address: z.ZodOptional<z.ZodString>;
    }, z.core.$loose>>>;
    clean_version: z.ZodOptional<z.ZodNullable<z.ZodRecord<z.ZodString, z.ZodUnknown>>>;
    deploy_version: z.ZodOptional<z.ZodNullable<z.ZodRecord<z.ZodString, z.ZodUnknown>>>;
    service_version: z.ZodOptional<z.ZodNullable<z.ZodRecord<z.ZodString, z.ZodUnknown>>>;
}, z.core.$strip>;
/** Runs the step that the conductor sent, with its arguments checked against the step's own schema. */
export declare function executeStep(phase: Phase, context: CommandContext, params: z.output<typeof executeParams>): Promise<CommandOutcome>;
