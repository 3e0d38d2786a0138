// The messages between a hub (cloud) and a link (conductor) on one WebSocket, subprotocol ferrule.1 (ownership.md).
// 1. A frame is one JSON message below 64 KiB. 2. Within a version only optional fields are added; unknown fields and unknown
// types are ignored; a malformed known message closes the connection. 3. Every message keeps a fixture in fixtures/protocol.json.
import { z } from 'zod'
import { Fault, FaultError } from './faults.ts'
import { packed, unpacked } from './packed-drivers.ts'

/** Of the largest frame, in UTF-8: below 64 KiB. */
export const MAX_FRAME_BYTES = 64 * 1024 - 1

const id = z.string().min(1).max(64)
const rid = z.int().nonnegative()
const epoch = z.int().nonnegative()
const ms = z.number().int().nonnegative()
const json = z.record(z.string(), z.unknown())

/** One part of a task: `interface` and `step` are Ironic's names where it has them. */
export const Step = z.object({
  interface: z.string().max(40),
  step: z.string().max(64),
  args: json.default({}),
  /** Triggers `wait` when the step starts and `resume` when it ends: the node waits for its agent. */
  waits: z.boolean().optional(),
  /** Up to the start of this step a cancel is honoured; from here on it is not. */
  pointOfNoReturn: z.boolean().optional(),
  /** Of a step that waits. False: a cancel counts when it has ended, not at once. */
  abortable: z.boolean().optional(),
  /** Of a chosen step: what put it where it is in the list. */
  priority: z.int().nonnegative().optional(),
  timeoutMs: ms.optional(),
})
export type Step = z.infer<typeof Step>

/** What a list of steps is made for. */
export const STEP_KINDS = ['clean', 'deploy', 'verify', 'service'] as const
export type StepKind = (typeof STEP_KINDS)[number]

/** A step that a driver has to offer beside those of the plans, with Ironic's words for what is to be known about it. */
export const OfferedStep = z.object({
  interface: z.string().max(40),
  /** The implementation of the interface that has it; a node that uses another does not. */
  of: z.string().max(60),
  step: z.string().max(64),
  /** 0: only when somebody asks for it. */
  priority: z.int().nonnegative(),
  abortable: z.boolean().optional(),
  /** False: it works without an agent on the machine. */
  requires_ramdisk: z.boolean().optional(),
  /** Where it may take longer than steps usually do. */
  timeoutMs: z.int().positive().optional(),
  /** What it sets is in force when the machine has started again; then this step of the same interface, with the same arguments, looks whether it is. */
  restart: z.string().max(64).optional(),
  argsinfo: z.record(z.string(), z.object({ description: z.string(), required: z.boolean().optional() })).optional(),
})
export type OfferedStep = z.infer<typeof OfferedStep>

/** What a deploy interface makes of a deployment. */
export const DeploymentFacts = z.object({
  /** Core steps that it has, by the names of core-steps.ts; one that is not known there cannot be planned with. */
  core: z.array(z.string().max(40)).max(40),
  /** False: it boots no agent, for nothing; whatever takes one cannot be done. */
  agent: z.boolean().optional(),
  /** A list may have any other step of the interface deploy as well: the agent may have it, and is asked when it is there. */
  agentSteps: z.boolean().optional(),
  /** Instances that an interface which chooses gives to it: these fields of instance_info hold something, and those nothing. */
  takes: z.array(z.object({ has: z.array(z.string()), lacks: z.array(z.string()).optional() })).optional(),
  /** Likewise, those of whose instance_info one of these fields begins like this. A cloud that does not know it gives it none. */
  takesPrefixed: z.record(z.string().max(60), z.string().min(1).max(60)).optional(),
  /** It only chooses: the first of these that takes the instance, else the last. */
  chooses: z.array(z.string().max(60)).min(1).optional(),
})
export type DeploymentFacts = z.infer<typeof DeploymentFacts>

/** Neutron's ports of one of the node's, by their names in internal_info: tenant_vif_port_id and the like. */
const Vifs = z.record(z.string().max(64), z.string().max(255))
/** How a NIC is cabled, for network interfaces that wire it. */
const Wiring = z.object({
  /** Ironic's local_link_connection. */
  link: json,
  portgroup: id.optional(),
  smartNic: z.boolean().optional(),
  /** DHCP's, from its extra["client-id"]. */
  clientId: z.string().max(255).optional(),
  vifs: Vifs,
})
const Portgroup = z.object({
  uuid: id,
  name: z.string().nullable(),
  address: z.string().nullable(),
  mode: z.string().nullable(),
  /** Options of the bond. */
  properties: json,
  vifs: Vifs,
})

/** What a storage interface makes of the volume targets of its node. */
export const StorageFacts = z.object({
  /** The machine boots the one with boot_index 0, unless its instance brings an image (Ironic: `should_write_image`). */
  boots: z.boolean(),
  /** It has the steps `attach_volumes` and `detach_volumes`, which are done around an instance. */
  attaches: z.boolean(),
})
export type StorageFacts = z.infer<typeof StorageFacts>

/** A volume in a storage system, as its node reaches it. Secret values in `properties` are sealed to the site. */
export const VolumeTarget = z.object({
  uuid: id,
  /** Of the way to it: iscsi, fibre_channel, … */
  type: z.string(),
  volumeId: z.string(),
  bootIndex: z.int().nonnegative(),
  properties: json,
})
export type VolumeTarget = z.infer<typeof VolumeTarget>

/** By which names a node is known to storage systems: `id` is an IQN, WWPN, address, … as `type` says. */
export const VolumeConnector = z.object({ uuid: id, type: z.string(), id: z.string() })
export type VolumeConnector = z.infer<typeof VolumeConnector>

/** A node as its conductor knows it. Secret values in driverInfo and volumes are sealed to the site. */
export const Grant = z.object({
  node: id,
  epoch,
  specVersion: z.int(),
  name: z.string().nullable(),
  driver: z.string(),
  interfaces: z.record(z.string(), z.string()),
  driverInfo: json,
  properties: json,
  ports: z.array(z.object({ uuid: id, address: z.string(), pxeEnabled: z.boolean(), wiring: Wiring.optional() })),
  /** Where its network interface wires it. */
  portgroups: z.array(Portgroup).optional(),
  /** The node's boot address, allocated by the hub from the site's pool. */
  address: z
    .object({
      ip: z.string(),
      prefixLength: z.int(),
      router: z.string().optional(),
      dns: z.array(z.string()).optional(),
    })
    .nullable(),
  /** Does the conductor watch its power? Not in maintenance and not while nobody manages the node. */
  powerSync: z.boolean(),
  /** Fields of instance_info that say what its machine boots over the network, for as long as the instance is there; absent where it boots its disk. */
  instanceBoot: z.record(z.string(), z.string()).optional(),
  /** Absent where the node has neither. */
  volumes: z.object({ targets: z.array(VolumeTarget), connectors: z.array(VolumeConnector) }).optional(),
  /** It is in maintenance for its power could not be kept in sync: to be looked at less often, and to be told when its BMC answers. */
  powerFault: z.boolean().optional(),
  /** Of a machine whose BMC keeps no boot device: the one that somebody has set to stay, and whether the next start is another's (Ironic's names). */
  bootMemory: z
    .object({ persistent_boot_device: z.string().max(64).optional(), is_next_boot_persistent: z.boolean().optional() })
    .optional(),
  /** Its console is to be there, whoever has it. */
  consoleEnabled: z.boolean().optional(),
})
export type Grant = z.infer<typeof Grant>

/** A driver as a conductor serves it: what `/v1/drivers` shows and what the ring's eligibility looks at. */
export const DriverFacts = z.object({
  name: z.string().max(60),
  about: z.string().max(400),
  interfaces: z.record(z.string(), z.array(z.string()).min(1)),
  /** Field of driver_info → description. */
  properties: z.record(z.string(), z.string()),
  /** Fields of driver_info that are sealed before they are stored. */
  secrets: z.array(z.string()),
  /** By the names of deploy interfaces. Of one that is missing here, a deployment has the core steps in which an agent writes an image. */
  deployments: z.record(z.string(), DeploymentFacts).optional(),
  /** Network interfaces that put a machine from one network to another: there are steps for that in its plans. */
  wires: z.array(z.string().max(60)).optional(),
  /** By the names of storage interfaces; one that is missing here does nothing with volumes. */
  storages: z.record(z.string(), StorageFacts).optional(),
  /** Steps to choose from. Missing: the conductor is older than this, and its tasks are the plans as they are. */
  steps: z.partialRecord(z.enum(STEP_KINDS), z.array(OfferedStep)).optional(),
})
export type DriverFacts = z.infer<typeof DriverFacts>

/** What is known to the truth about one step; the runner of a successor starts from here. */
export const StepEvent = z.object({
  /** Counts up from 1 within a task: (task, n) makes an event idempotent. */
  n: z.int().positive(),
  at: ms,
  step: z.int().nonnegative(),
  /** `kept`: nothing but context that a successor needs before the step has ended. */
  kind: z.enum(['started', 'waiting', 'resumed', 'finished', 'kept']),
  /** Merged into task.context; a null removes a key. Secrets are sealed. */
  context: json.optional(),
  /** Fields of the node that changed with it (power_state, …). */
  facts: json.optional(),
})
export type StepEvent = z.infer<typeof StepEvent>

export const Outcome = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), value: z.unknown().optional() }),
  z.object({ ok: z.literal(false), fault: Fault, step: z.int().nonnegative().optional() }),
])
export type Outcome = z.infer<typeof Outcome>

/** What a person did at the site, by break-glass, while the cloud was not there. `id` makes it count once. */
export const LocalAction = z.object({
  id,
  node: id,
  action: z.enum(['power', 'abort']),
  /** Of `power`: what was wanted. */
  target: z.string().max(40).optional(),
  at: ms,
  /** The person's account at the host. */
  by: z.string().max(255),
  reason: z.string().max(1000).optional(),
  /** Was whoever might drive the machine shut out at its BMC? */
  fenced: z.boolean(),
  /** Missing: it had begun, and how it ended is not known. */
  outcome: Outcome.optional(),
})
export type LocalAction = z.infer<typeof LocalAction>

/** A line of a node's timeline: boot stages, progress of a write. Bounded, may be dropped, never moves a state. */
export const Note = z.object({
  node: id,
  task: id.optional(),
  at: ms,
  stage: z.string().max(64),
  body: json.default({}),
})
export type Note = z.infer<typeof Note>

// prettier-ignore
export const FromConductor = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), incarnation: id, version: z.string().max(40), hostname: z.string().max(255), drivers: z.array(DriverFacts), capabilities: z.array(z.string()), grantsDigest: z.string().nullable(), inflight: z.array(z.object({ task: id, node: id, epoch })).max(200), lock: id.optional(), held: z.object({ epochs: z.string().max(64), specs: z.record(z.string().max(2), z.string().max(16)) }).optional() }),
  z.object({ type: z.literal('renew'), rid }),
  z.object({ type: z.literal('bye') }),
  z.object({ type: z.literal('released'), node: id, epoch }),
  z.object({ type: z.literal('accepted'), id, epoch }),
  z.object({ type: z.literal('rejected'), id, epoch, why: Fault }),
  z.object({ type: z.literal('intent'), id, epoch, step: z.int().nonnegative(), rid, bmcSession: z.string().max(64).optional() }),
  z.object({ type: z.literal('event'), id, epoch, events: z.array(StepEvent).max(200) }),
  z.object({ type: z.literal('result'), id, epoch, outcome: Outcome }),
  z.object({ type: z.literal('answer'), rid, result: z.unknown().optional(), fault: Fault.optional() }),
  z.object({ type: z.literal('facts'), nodes: z.record(id, json), epochs: z.record(id, epoch).optional() }),
  z.object({ type: z.literal('local'), action: LocalAction }),
  z.object({ type: z.literal('notes'), notes: z.array(Note).max(500), dropped: z.int().nonnegative() }),
])
export type FromConductor = z.infer<typeof FromConductor>

// hello.lock: names the lock on its journal that this run holds, so that no two living processes ever say the same: of one that says what the
// run before said, that one is dead. It has to differ between hosts, boots, network namespaces and folders, copies of a disk included.
// facts.epochs: under which each node was read: what was found before somebody else had it counts no more.
// bye: a clean stop. Nothing is under way at this conductor any more, so its nodes need not wait for its lease; answered by the end of the socket.
// hello.held: epochs and specs apart (grants-digest.ts); absent where grantsDigest is null.
// welcome.grantsKept: a digest of hello was right, so every grant goes on with epoch = session, and specs that are others now follow; without it all
// grants are sent again.
// local (until it is settled by its id, like a task's result): a person acted at the site.
// lease: `tenures` are those that are news on this connection, in as many messages of one rid as they need.
// fenced.epoch: under which what is refused was said.
// task.since: the epoch from which this conductor has owned the node without a break; its unheard events since then still count.
// task.bmcSession: of the last intent for its node, of this task or an earlier one; whoever acts next shuts it out first.
// prettier-ignore
export const ToConductor = z.discriminatedUnion('type', [
  z.object({ type: z.literal('welcome'), session: z.int().positive(), ringVersion: z.int(), leaseMs: ms, conductor: id, site: id, organisation: id, grantsKept: z.boolean().optional() }),
  z.object({ type: z.literal('lease'), rid, ms, tenures: z.record(id, ms) }),
  z.object({ type: z.literal('grants'), session: z.int().positive(), ringVersion: z.int(), add: z.array(Grant), drop: z.array(id), last: z.boolean() }),
  z.object({ type: z.literal('task'), id, node: id, epoch, nseq: z.int().positive(), kind: z.string().max(40), steps: z.array(Step).min(1).max(100), context: json, doneSteps: z.int().nonnegative(), lastEvent: z.int().nonnegative(), deadline: ms, since: epoch.optional(), bmcSession: z.string().max(64).optional() }),
  z.object({ type: z.literal('proceed'), id, rid, tenureMs: ms }),
  z.object({ type: z.literal('fenced'), id, rid: rid.optional(), epoch: epoch.optional() }),
  z.object({ type: z.literal('done'), id, rid: rid.optional() }),
  z.object({ type: z.literal('ack'), id, upTo: z.int().nonnegative() }),
  z.object({ type: z.literal('settled'), id }),
  z.object({ type: z.literal('cancel'), id }),
  z.object({ type: z.literal('call'), rid, node: id, epoch, interface: z.string().max(40), method: z.string().max(64), args: json, timeoutMs: ms }),
])
export type ToConductor = z.infer<typeof ToConductor>

/** What a frame turned out to be. `unknown`: a newer peer's message, to be ignored. */
export type Decoded<M> =
  | { kind: 'message'; message: M }
  | { kind: 'unknown'; type: string }
  | { kind: 'malformed'; why: string }

const known = {
  conductor: new Set<string>(FromConductor.options.map((option) => option.shape.type.value)),
  hub: new Set<string>(ToConductor.options.map((option) => option.shape.type.value)),
}

export const decodeFromConductor = (frame: string): Decoded<FromConductor> =>
  decode(FromConductor, known.conductor, frame)
export const decodeToConductor = (frame: string): Decoded<ToConductor> => decode(ToConductor, known.hub, frame)

/** A hello may have its drivers packed; older conductors say them as they are. */
function plain(value: unknown): unknown {
  const { type, drivers } = (value ?? {}) as { type?: unknown; drivers?: unknown }
  return type === 'hello' && typeof drivers === 'string' ? { ...(value as object), drivers: unpacked(drivers) } : value
}

/** The message as a frame. Throws request.too_large when it is larger than one may be: the other end would close the connection. */
export function encode(message: FromConductor | ToConductor): string {
  const frame = JSON.stringify(message.type === 'hello' ? { ...message, drivers: packed(message.drivers) } : message)
  const bytes = utf8Length(frame)
  if (bytes <= MAX_FRAME_BYTES) return frame
  throw new FaultError(
    'request.too_large',
    `"${message.type}" has ${bytes} bytes, and a frame holds ${MAX_FRAME_BYTES}`,
  )
}

/** Bytes that `value` takes in a frame. */
export function bytesInFrame(value: unknown): number {
  return utf8Length(JSON.stringify(value) ?? '')
}

/** Each half of a surrogate pair counts two. */
function utf8Length(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit > 0x7f) bytes += unit > 0x7ff && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1
  }
  return bytes
}

function decode<M>(schema: z.ZodType<M>, types: Set<string>, frame: string): Decoded<M> {
  // A character is one to three bytes, so that most frames need not be counted.
  const bytes = frame.length > MAX_FRAME_BYTES / 3 ? utf8Length(frame) : 0
  if (bytes > MAX_FRAME_BYTES) return { kind: 'malformed', why: `frame of ${bytes} bytes` }
  let value: unknown
  try {
    value = plain(JSON.parse(frame))
  } catch {
    return { kind: 'malformed', why: 'not JSON' }
  }
  const type = (value as { type?: unknown } | null)?.type
  if (typeof type !== 'string') return { kind: 'malformed', why: 'no type' }
  if (!types.has(type)) return { kind: 'unknown', type: type.slice(0, 64) }
  const parsed = schema.safeParse(value)
  if (parsed.success) return { kind: 'message', message: parsed.data }
  const issue = parsed.error.issues[0]
  return { kind: 'malformed', why: `${type}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`.slice(0, 300) }
}
