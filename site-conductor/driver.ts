// What a driver is: one file with one defineDriver(). Steps are what cloud/plans names; methods answer a person's call at once.
// 1. A step reads, then acts, then reads: run twice, it changes nothing the second time. 2. `before` is called in the same turn as each
// packet of a mutation. 3. Secrets of driver_info are open in a StepContext only, and never leave it.
import type { Duplex } from 'node:stream'
import type { z } from 'zod'
import type { Env } from '../shared/env.ts'
import type { CoreStep } from '../shared/core-steps.ts'
import type { Fault } from '../shared/faults.ts'
import type { Grant } from '../shared/protocol.ts'
import type { DhcpOption } from './boot/other-dhcp.ts'
import type { Log } from './log.ts'
import type { Site } from './site.ts'

/** What a step or method of a driver gets. */
export interface Context<Info = Record<string, unknown>> {
  readonly node: Grant
  /** driver_info as the driver's schema parsed it, secrets opened. */
  readonly driverInfo: Info
  /** The last-moment check: throws when this conductor may not act on the node (any more). */
  readonly before: () => void
  /** Aborts at the time limit, at a cancel and when the node is lost. */
  readonly signal: AbortSignal
  /** Of a method: fields of the node that it has changed, or found by the way. A step answers them as its facts. */
  readonly tell?: (facts: Record<string, unknown>) => void
  /** A line on the node's timeline: bounded, may be dropped. */
  note(stage: string, body?: Record<string, unknown>): void
  readonly env: Env
  readonly log: Log
  readonly site: Site
  /** The implementation of another interface that the node uses. */
  other(kind: InterfaceKind): Implementation | undefined
}

export interface StepContext<Info = Record<string, unknown>> extends Context<Info> {
  readonly task: {
    readonly id: string
    readonly kind: string
    /** Which of its steps this is, from 0. */
    readonly at: number
    /** As it is now: it may grow while a step runs. */
    readonly epoch: number
    /** What earlier steps, here or at another conductor, left for this one, and what `keep` added. */
    readonly context: Readonly<Record<string, unknown>>
  }
  readonly args: Readonly<Record<string, unknown>>
  /** Of a step that the driver lists in `fence.steps`: the step reads and acts through it. */
  readonly fence?: Fence | undefined
  /** So often the step is still begun anew, with another fence, where this one is lost; absent: not at all. */
  readonly fencesLeft?: number | undefined
  /** The step's time limit begins anew: what it did so far was to wait for others, and that is watched in its own way. */
  limitFromNow(): void
  /** Leaves something for a successor before the step has ended; a null removes a key. Resolves when it is safe on disk. */
  keep(context: Record<string, unknown>): Promise<void>
}

/** `context` is merged into task.context (a null removes a key; secrets sealed by `site.seal`), `facts` are changed fields of the node. */
export interface StepResult {
  readonly context?: Record<string, unknown>
  readonly facts?: Record<string, unknown>
  /** Of the last step: the value of the whole task. */
  readonly value?: unknown
  /** The step has not ended: it is done once more behind earlier ones, from the last step before it of the first of these names that the task has. */
  readonly back?: readonly string[]
}

/** What may be asked of a step beside the plans, or is done with every cleaning, deployment, verification: each with its priority, 0 for on request. */
export interface Offer {
  readonly clean?: number
  readonly deploy?: number
  readonly verify?: number
  readonly service?: number
  /** May an abort end it at once? Otherwise it counts when the step has ended. */
  readonly abortable?: boolean
  /** False: it works without an agent on the machine. */
  readonly ramdisk?: boolean
  /** Where it may take longer than steps usually do. */
  readonly timeoutMs?: number
  /** A step of the same interface that is done with the same arguments when the machine has been started again: what this one sets is in force then. */
  readonly restart?: string
  readonly args?: Readonly<Record<string, { readonly description: string; readonly required?: boolean }>>
}

/** A method of the interface vendor, as a client sees it in `vendor_passthru/methods`. */
export interface VendorMethod {
  readonly description: string
  readonly http: readonly string[]
  /** The answer is 202, before the method has begun where it is a step of a task. Otherwise it is what the method answers. */
  readonly async: boolean
  /** It may be called while the node is locked: it is one of `methods`, also where it is `async`. Other methods need a node that nothing is done with. */
  readonly shared?: true
  /** Throws a FaultError for arguments that it does not take. */
  readonly validate?: (args: Readonly<Record<string, unknown>>) => void
}

/** What a deploy interface makes of a deployment; the cloud makes its plans from it (docs/adr/0005). */
export interface Deployment {
  /** Which of the core steps of a deployment it has, by the names that cloud/plans.ts gives them. */
  readonly core: readonly CoreStep[]
  /** The agent may have more steps than its driver knows: a list may have any step of the interface deploy, and the agent is asked when it is there. */
  readonly agentSteps?: boolean
  /** Instances that `autodetect` gives to it: instance_info has something in all fields of `has`, and nothing in those of `lacks`. */
  readonly takes?: readonly { readonly has: readonly string[]; readonly lacks?: readonly string[] }[]
  /** And those of whose instance_info one of these fields begins like this. */
  readonly takesPrefixed?: Readonly<Record<string, string>>
  /** It is none itself: the first of these that takes the instance is used, or else the last. */
  readonly chooses?: readonly string[]
}

/**
 * Of a storage interface: what it makes of the volume targets of its node (`node.volumes`). Its steps, where it has them, are `attach_volumes`, done before
 * an instance is started, and `detach_volumes`, done when it has gone or is switched off; with `args.required` false a failure of it is no failure.
 */
export interface Storage {
  /** The machine boots the volume with boot_index 0, unless its instance brings an image (Ironic: `should_write_image`). */
  readonly boots: boolean
}

/** A DHCP server that gives a machine its address, and has to tell it what to boot. */
export interface OtherDhcp<Info = Record<string, unknown>> {
  tell(context: Context<Info>, options: readonly DhcpOption[]): Promise<void>
}

export interface Implementation<Info = Record<string, unknown>> {
  readonly steps?: Record<string, (context: StepContext<Info>) => Promise<StepResult | void>>
  /** Does a step that is not in `steps`: one of the agent's. */
  readonly agentStep?: (context: StepContext<Info>, step: string) => Promise<StepResult | void>
  readonly methods?: Record<
    string,
    (context: Context<Info>, args: Readonly<Record<string, unknown>>) => Promise<unknown>
  >
  /** By the names of `steps`. */
  readonly offers?: Readonly<Record<string, Offer>>
  /** Of the interface deploy only. */
  readonly deployment?: Deployment
  /** Of the interface storage only. */
  readonly storage?: Storage
  /** Of the interface boot only: types of volumes that it boots (Ironic's capability `iscsi_volume_boot`). */
  readonly volumeTypes?: readonly string[]
  /** Those of its steps that change something at the machine's side door, beside what the driver lists in `fencing.steps` for all implementations. */
  readonly fenced?: readonly string[]
  /** Of the interface network only: it puts the machine from one network to another, by steps that the cloud plans around those that boot it. */
  readonly wires?: true
  /** Of the interface network only: the DHCP server of the networks that the machine is put on; undefined, or absent: this conductor's, or one that it knows nothing of. */
  readonly dhcp?: (site: Site) => OtherDhcp<Info> | undefined
  /** Of the interface network only: the networks of the node's instance in the words of OpenStack's network_data.json; undefined: nothing is known of them. */
  readonly networkData?: (context: Context<Info>) => Promise<Record<string, unknown> | undefined>
  /** Of the interface vendor only. */
  readonly vendor?: Readonly<Record<string, VendorMethod>>
  /** Throws a FaultError that says what is missing. Talks to no machine. `instanceInfo`: of the instance that is to be there, where one is asked about. */
  readonly validate?: (context: Context<Info>, instanceInfo?: Readonly<Record<string, unknown>>) => Promise<void> | void
  /** Of the interface boot only: throws a FaultError where the instance is to be booted by it, at every start of the machine, and cannot be. */
  readonly validateInstance?: (context: Context<Info>, instanceInfo: Readonly<Record<string, unknown>>) => void
  /** Likewise, where it is to boot an installer for the instance. */
  readonly validateInstaller?: (instanceInfo: Readonly<Record<string, unknown>>) => void
  /**
   * Called when a task goes on that another conductor, or an earlier run of this one, began: rebuild from task.context. Answers earlier
   * steps where the task cannot go on from here but has to go back, to the first of them that it has.
   */
  readonly resume?: (context: StepContext<Info>) => Promise<readonly string[] | void>
  /**
   * Of the interface console: carries bytes between a client and the machine until either ends, and lets go of the machine. Its failure is told to the
   * client: `accept` is called when the machine is there, before anything is carried, where the client waits for that.
   */
  readonly join?: (context: Context<Info>, client: Duplex, accept: () => void) => Promise<void>
  /** Of the interface deploy only: called when a task has failed, and was not cancelled, while the machine is as the failure has left it. */
  readonly failed?: (context: StepContext<Info>, why: Fault) => Promise<void>
  /** Called when a task has ended here, however: let go of what only this conductor holds. Must not touch the machine. */
  readonly release?: (node: string, site: Site) => void
}

/** Whoever drove the machine before is shut out, and what acts through this can be shut out in the same way. */
export interface Fence {
  /** What a successor needs for that: the driver's own notation, 64 characters at most. Undefined where nobody can be shut out. */
  readonly session: string | undefined
  /** What opening it has shown of the machine, for the node: told when the step begins. */
  readonly facts?: Record<string, unknown> | undefined
  /** Called when the step has ended, however. Never throws. */
  close(): Promise<void>
}

/**
 * How a driver keeps a conductor that was paused in the middle of a step from acting when it wakes (ownership.md, rule 6). The runner opens the
 * fence, then asks the hub, which remembers `session`; then the step reads and acts. `bmc.session_lost` from a step means: again, with a new fence.
 */
export interface Fencing<Info = Record<string, unknown>> {
  /** Steps that change something at the machine's side door: `power.power_on`. */
  readonly steps: readonly string[]
  /** Shuts `predecessor` out, unless that cannot be done with this machine. Closes what it has opened when it throws or is aborted. */
  open(context: StepContext<Info>, predecessor: string | undefined): Promise<Fence>
}

export const REQUIRED_INTERFACES = ['power', 'management'] as const
export const INTERFACES = [
  ...REQUIRED_INTERFACES,
  'boot',
  'deploy',
  'console',
  'inspect',
  'bios',
  'raid',
  'firmware',
  'rescue',
  'network',
  'storage',
  'vendor',
] as const
export type InterfaceKind = (typeof INTERFACES)[number]

/** Per kind of interface the implementations by name; the first is the default. */
export type Interfaces<Info> = Record<(typeof REQUIRED_INTERFACES)[number], Record<string, Implementation<Info>>> &
  Partial<Record<InterfaceKind, Record<string, Implementation<Info>>>>

export interface Driver<Info = Record<string, unknown>> {
  /** Ironic calls it the hardware type. */
  readonly name: string
  readonly about: string
  /** Schema of driver_info; descriptions of its fields are shown to users. Keys that it does not know pass through the cloud. */
  readonly info: z.ZodObject
  /** Fields of driver_info that are sealed before they are stored. */
  readonly secrets: readonly string[]
  readonly interfaces: Interfaces<Info>
  /** Without one, lease and margin alone keep conductors apart. */
  readonly fencing?: Fencing<Info>
}

/** Ties the schema's type to the interfaces' contexts. */
export function defineDriver<Schema extends z.ZodObject>(
  driver: Omit<Driver<z.output<Schema>>, 'info'> & { readonly info: Schema },
): Driver {
  // The runner parses driver_info with this very schema before it calls in, so the wider type is safe to hand around.
  return driver as unknown as Driver
}

/** The implementation of `kind` that `node` uses: the one it names, else the default; undefined when the driver has none such. */
export function implementationOf(driver: Driver, node: Grant, kind: string): Implementation | undefined {
  const named = driver.interfaces[kind as InterfaceKind]
  if (named === undefined) return undefined
  const wanted = node.interfaces[kind]
  return wanted === undefined ? Object.values(named)[0] : named[wanted]
}

/** Every implementation of every interface. */
export function implementationsOf(driver: Driver): Implementation[] {
  return Object.values(driver.interfaces).flatMap((named) => Object.values(named))
}
