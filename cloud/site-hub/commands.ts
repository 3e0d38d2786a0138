// What the API (and an operator's tools) may ask of a site's hub. Plain data: it crosses to a Durable Object by RPC.
import type { Fault } from '../../shared/faults.ts'
import type { Step } from '../../shared/protocol.ts'
import type { State, Verb } from '../../shared/states.ts'
import type { PowerTarget } from '../plans.ts'
import type { AskedStep } from '../step-selection.ts'

/** Who asks, for events and the audit log. */
export interface Caller {
  readonly actor: string
  readonly requestId: string
}

/** RFC 6902 operations as Ironic takes them; `value` is any JSON. Paths are validated by the API. */
export interface PatchOperation {
  readonly op: 'add' | 'replace' | 'remove'
  readonly path: string
  readonly value?: unknown
}

/** A node as given at creation, by wire names; validated by the API (shapes), completed by the hub (driver, interfaces, secrets). */
export interface NewNode {
  readonly uuid?: string
  readonly driver: string
  readonly [field: string]: unknown
}

/** Tables whose rows belong to a node. */
export type NodeTable = 'port' | 'portgroup' | 'volume_connector' | 'volume_target'

/** A row as given at creation, by column; shapes were validated by the API. */
export interface NewRow {
  readonly uuid?: string
  readonly node: string
  readonly [column: string]: unknown
}

/** Carried out only if the row that it is about still has one of these stamps: a node's version, the time of a port's last change. */
interface Conditional {
  readonly ifMatch?: readonly string[]
}

export type HubCommand = Caller &
  Conditional &
  (
    | {
        readonly kind: 'node.create'
        readonly node: NewNode
        /** It starts as available, not in enroll. */
        readonly available?: true
        /** Key of the blob that holds the config drive for which instance_info has ******. */
        readonly configDrive?: string
      }
    | {
        readonly kind: 'node.patch'
        readonly node: string
        readonly patch: readonly PatchOperation[]
        /** With a change of driver: interfaces that nobody named become the new driver's own. */
        readonly resetInterfaces?: true
        /** As of node.create. */
        readonly configDrive?: string
      }
    | { readonly kind: 'node.delete'; readonly node: string }
    | {
        readonly kind: 'node.provision'
        readonly node: string
        readonly verb: Verb
        readonly args: ProvisionArgs
        readonly dryRun?: true
      }
    /** Answers the interfaces, by kind, that a deployment of the instance that the node has now would use. */
    | { readonly kind: 'node.interfaces'; readonly node: string }
    /** Answers whether its network interface wires it, so that its conductor is to be asked about its networks. */
    | { readonly kind: 'node.wired'; readonly node: string }
    | { readonly kind: 'node.power'; readonly node: string; readonly target: PowerTarget; readonly timeoutMs?: number }
    /** Opens a task of one step: a setting of the machine, or a vendor's method that nobody waits for. */
    | {
        readonly kind: 'node.step'
        readonly node: string
        readonly task: 'settings' | 'vendor'
        readonly interface: string
        readonly step: string
        readonly args: Record<string, unknown>
      }
    /** What the RAID of the machine is to be made like at the next occasion. */
    | { readonly kind: 'node.raid'; readonly node: string; readonly target: Record<string, unknown> }
    | { readonly kind: 'node.maintenance'; readonly node: string; readonly on: boolean; readonly reason: string | null }
    | {
        readonly kind: 'node.traits'
        readonly node: string
        readonly change: 'set' | 'add' | 'remove'
        /** Absent: all, to remove. */
        readonly traits?: readonly string[]
      }
    | { readonly kind: 'row.create'; readonly table: NodeTable; readonly row: NewRow }
    | {
        readonly kind: 'row.patch'
        readonly table: NodeTable
        readonly uuid: string
        readonly patch: readonly PatchOperation[]
      }
    | { readonly kind: 'row.delete'; readonly table: NodeTable; readonly uuid: string }
    /** `on`: the port or portgroup that is to have it; absent: any free one. `physical`: the physical networks that it is on. Answers the one that has it. */
    | {
        readonly kind: 'vif.attach'
        readonly node: string
        readonly vif: string
        readonly on?: VifPlace
        readonly physical?: readonly string[]
      }
    /** Answers the one that had it. */
    | { readonly kind: 'vif.detach'; readonly node: string; readonly vif: string }
    /** Answers {node}: the one of this site that the allocation got, or null. */
    | { readonly kind: 'allocation.match'; readonly allocation: string }
    /** The allocation gets this node, which runs its instance already. */
    | { readonly kind: 'allocation.backfill'; readonly allocation: string; readonly node: string }
    | { readonly kind: 'allocation.release'; readonly allocation: string; readonly node: string }
    /** The site's own row was changed by the API: the hub reads it again, and where that was its pool gives addresses to nodes without. */
    | { readonly kind: 'site.refresh'; readonly addresses: boolean }
    | { readonly kind: 'conductor.drain'; readonly conductor: string; readonly on: boolean }
    | {
        readonly kind: 'conductor.patch'
        readonly conductor: string
        readonly weight?: number
        readonly labels?: Readonly<Record<string, string>>
      }
    /** A person says that it acts no more: its lease and tenures end at once. */
    | { readonly kind: 'conductor.declare_dead'; readonly conductor: string }
    | { readonly kind: 'conductor.revoke'; readonly conductor: string }
    /** Relayed to the node's conductor; answers its result. */
    | {
        readonly kind: 'call'
        readonly node: string
        readonly interface: string
        readonly method: string
        readonly args: Record<string, unknown>
        readonly timeoutMs: number
        /** It changes the machine, and is refused while a task works on the node (Ironic's exclusive lock). */
        readonly exclusive?: true
      }
  )

export interface VifPlace {
  readonly table: 'port' | 'portgroup'
  readonly uuid: string
}

export interface ProvisionArgs {
  /** Key of the blob that holds the config drive, sealed to the site by the API beforehand; the conductor fetches it. */
  readonly configdrive?: string
  /** Steps that the request names, for the verbs that take them. */
  readonly steps?: readonly AskedStep[]
  /** Name or id of the runbook that has the steps. */
  readonly runbook?: string
  readonly disableRamdisk?: boolean
  /** Sealed to the site as instance_info.rescue_password by the API. */
  readonly rescuePassword?: string
}

/** What a verb would do: the tasks that follow from it, one after the other, and the state that the node rests in afterwards. */
export interface Rehearsal {
  readonly from: State
  readonly to: State
  readonly tasks: readonly { readonly kind: string; readonly steps: readonly Step[] }[]
  /** Why it would be taken and then fail. */
  readonly problem: string | null
}

/** What a drained conductor still has: what can go is on its way, nodes with a task go when it ends, the rest nobody else may have. */
export interface Left {
  readonly nodes: number
  readonly busy: number
  readonly staying: number
}

/** What followed from declaring a conductor dead. */
export interface Dead {
  /** Nodes that others drive now, and those that nobody else may have. */
  readonly moved: number
  readonly left: number
  readonly tenures: number
  /** Had it the right to act until now, as far as the hub knew? */
  readonly hadRight: boolean
}

/** `value`: {uuid} of what was made or changed, {task} of the task that was opened, or a call's result. */
export type CommandResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly fault: Fault }
