import { type CoreStep } from '../shared/core-steps.ts';
import type { Step } from '../shared/protocol.ts';
export type TaskKind = 'verify' | 'deploy' | 'rebuild' | 'clean' | 'tear-down' | 'undo' | 'power' | 'inspect' | 'adopt' | 'rescue' | 'unrescue' | 'service' | 'settings' | 'vendor' | 'child';
/** Kinds whose steps depend on nothing but the kind. */
export type PlannedKind = Exclude<TaskKind, 'power' | 'service' | 'settings' | 'vendor' | 'child'>;
export declare const planStep: (name: `${string}.${string}`, more?: Partial<Omit<Step, 'interface' | 'step'>>) => Step;
/** Boots the deploy ramdisk and waits until its agent has called. */
export declare const BOOT_RAMDISK: readonly Step[];
/** Ends the ramdisk and leaves the machine off. */
export declare const END_RAMDISK: readonly Step[];
/** Has the machine boot its instance over the network, at this start and at each that follows (ADR 7), and starts it. */
export declare const START_FROM_NETWORK: readonly Step[];
/**
 * The core steps of a deployment, by the names with which a deploy interface says that it has them: Ironic's step and priority, and the steps that
 * each is here (docs/adr/0005). Other steps find their place between them by their own priority.
 */
export declare const CORE_DEPLOY: Readonly<Record<CoreStep, {
    readonly step: string;
    readonly priority: number;
    readonly is: readonly Step[];
}>>;
/** Inspection by the ramdisk's agent; any other way of inspecting is `PLANS.inspect`, without a boot. */
export declare const INSPECT_BY_AGENT: readonly Step[];
/** Kinds that are followed by `undo` when they fail, are cancelled or run out of time. */
export declare const UNDONE: ReadonlySet<string>;
/** Time for a step that somebody chose; it works on disks, firmware or the like. */
export declare const CHOSEN_MS: number;
/** `deploy`, `clean` and `verify`: without steps that were chosen for the node; `deploy`: by an agent that writes an image. */
export declare const PLANS: Record<PlannedKind, readonly Step[]>;
/** Ironic's power targets and the steps of each; `after` is the power_state that is shown when it is done. */
export declare const POWER_PLANS: {
    readonly 'power on': {
        readonly steps: readonly [{
            interface: string;
            step: string;
            args: Record<string, unknown>;
            waits?: boolean | undefined;
            pointOfNoReturn?: boolean | undefined;
            abortable?: boolean | undefined;
            priority?: number | undefined;
            timeoutMs?: number | undefined;
        }];
        readonly after: 'power on';
    };
    readonly 'power off': {
        readonly steps: readonly [{
            interface: string;
            step: string;
            args: Record<string, unknown>;
            waits?: boolean | undefined;
            pointOfNoReturn?: boolean | undefined;
            abortable?: boolean | undefined;
            priority?: number | undefined;
            timeoutMs?: number | undefined;
        }];
        readonly after: 'power off';
    };
    readonly 'soft power off': {
        readonly steps: readonly [{
            interface: string;
            step: string;
            args: Record<string, unknown>;
            waits?: boolean | undefined;
            pointOfNoReturn?: boolean | undefined;
            abortable?: boolean | undefined;
            priority?: number | undefined;
            timeoutMs?: number | undefined;
        }];
        readonly after: 'power off';
    };
    readonly rebooting: {
        readonly steps: readonly [{
            interface: string;
            step: string;
            args: Record<string, unknown>;
            waits?: boolean | undefined;
            pointOfNoReturn?: boolean | undefined;
            abortable?: boolean | undefined;
            priority?: number | undefined;
            timeoutMs?: number | undefined;
        }, {
            interface: string;
            step: string;
            args: Record<string, unknown>;
            waits?: boolean | undefined;
            pointOfNoReturn?: boolean | undefined;
            abortable?: boolean | undefined;
            priority?: number | undefined;
            timeoutMs?: number | undefined;
        }];
        readonly after: 'power on';
    };
    readonly 'soft rebooting': {
        readonly steps: readonly [{
            interface: string;
            step: string;
            args: Record<string, unknown>;
            waits?: boolean | undefined;
            pointOfNoReturn?: boolean | undefined;
            abortable?: boolean | undefined;
            priority?: number | undefined;
            timeoutMs?: number | undefined;
        }, {
            interface: string;
            step: string;
            args: Record<string, unknown>;
            waits?: boolean | undefined;
            pointOfNoReturn?: boolean | undefined;
            abortable?: boolean | undefined;
            priority?: number | undefined;
            timeoutMs?: number | undefined;
        }];
        readonly after: 'power on';
    };
};
export type PowerTarget = keyof typeof POWER_PLANS;
