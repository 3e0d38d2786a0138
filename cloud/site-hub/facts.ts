// What conductors say about nodes outside of tasks: facts (power_state, …) and lines for the timeline. 1. Only a node's owner is heard,
// and of what it found only what it found as its present owner.
// 2. Only differences are written. 3. What would make the node's grant too large for a frame is left: whoever gets the node next could not be told of it.
import { z } from 'zod'
import { withCapabilities } from '../../shared/capabilities.ts'
import { Fault } from '../../shared/faults.ts'
import type { FromConductor } from '../../shared/protocol.ts'
import { powerRead, powerUnreadable } from '../provision/power-sync.ts'
import { withoutAgent } from '../provision/without-agent.ts'
import type { Peer } from '../ports.ts'
import type { NodeRow } from '../schema/rows.ts'
import { epochOf, speakerOf, type ConductorState } from './state.ts'
import { whyTooLargeNow } from './grants.ts'
import { takeParts } from './parts.ts'
import type { Turn } from './turn.ts'
import type { Told } from './told-rows.ts'
import { toldVolumes } from './volume-facts.ts'
import { toldVifs } from './wiring.ts'

type Message<T> = Extract<FromConductor, { type: T }>

/** Facts of many nodes; only differences are written. */
export async function facts(turn: Turn, peer: Peer, message: Message<'facts'>): Promise<void> {
  const conductor = speakerOf(turn, peer, 'facts')
  if (!conductor) return
  const isPresent = ([uuid]: [string, unknown]) => {
    const epoch = epochOf(turn.state, turn.state.nodes.get(uuid)!)
    return (message.epochs?.[uuid] ?? epoch) === epoch
  }
  const mine = ownOf(turn, conductor, 'facts', Object.entries(message.nodes), ([uuid]) => uuid).filter(isPresent)
  await turn.prefetch(mine.map(([uuid]) => uuid))
  for (const [uuid, { power_state: power, power_fault: failure, ...rest }] of mine) {
    if (power === 'power on' || power === 'power off') await powerRead(turn, uuid, power)
    const fault = Fault.safeParse(failure)
    if (fault.success) await powerUnreadable(turn, uuid, fault.data)
    await takeFacts(turn, uuid, rest)
  }
}

export function notes(turn: Turn, peer: Peer, message: Message<'notes'>): void {
  const conductor = speakerOf(turn, peer, 'notes')
  if (!conductor) return
  for (const { node, task, at, stage, body } of ownOf(turn, conductor, 'notes', message.notes, (note) => note.node))
    turn.note(node, task ?? null, at, stage, body)
}

/** Those about nodes that the conductor owns. That it spoke of another's is one entry in the audit log, which names the first. */
function ownOf<T>(
  turn: Turn,
  { row }: ConductorState,
  type: 'facts' | 'notes',
  all: readonly T[],
  nodeOf: (one: T) => string,
): T[] {
  const owner = (one: T) => turn.state.nodes.get(nodeOf(one))?.owner
  const others = all.filter((one) => owner(one) !== undefined && owner(one) !== row.id)
  if (others.length > 0)
    turn.refusal(`conductor.${type}`, nodeOf(others[0]!), 'fenced', { count: others.length }, row.id)
  return all.filter((one) => owner(one) === row.id)
}

/** As the row has it: half a surrogate pair is no character there. */
const Text = z.string().overwrite((text) => text.toWellFormed())

/** Columns that are facts as they are; what cannot be a value of one is left. */
const FACTS = {
  power_state: Text.nullable(),
  boot_mode: Text.nullable(),
  secure_boot: z.boolean().nullable(),
  console_enabled: z.boolean(),
  raid_config: z.record(z.string(), z.unknown()),
  health: z.enum(['OK', 'Warning', 'Critical']).nullable(),
} satisfies Partial<Record<keyof NodeRow, z.ZodType>>

/** Of properties.capabilities: those that are not named stay. */
const Capabilities = z.record(z.string().regex(/^[^:,]{1,255}$/), z.string().regex(/^[^:,]{1,255}$/))

const BOOT_MEMORY = ['persistent_boot_device', 'is_next_boot_persistent']

function regrant(turn: Turn, node: NodeRow, changes: Record<string, unknown>): void {
  changes.spec_version = node.spec_version + 1
  turn.regrant.add(node.uuid)
}

/** Has it room in the node's grant? Where it has not, there is an event. `after`: the node with it. */
async function fits(
  turn: Turn,
  node: NodeRow,
  { what, changed, after = node }: Pick<Told, 'what' | 'changed'> & { readonly after?: NodeRow },
): Promise<boolean> {
  const why = await whyTooLargeNow(turn, node, after, changed)
  if (why !== null) turn.event('node.facts_left', { node: node.uuid, task: node.task, body: { facts: what, why } })
  return why === null
}

/** Facts that are certain: a task's step found them, or made them so. */
export async function takeFacts(turn: Turn, uuid: string, changed: Record<string, unknown>): Promise<void> {
  const node = await turn.node(uuid)
  const changes: Record<string, unknown> = {}
  for (const column of Object.keys(FACTS) as (keyof typeof FACTS)[]) {
    const { success, data } = FACTS[column].safeParse(changed[column])
    if (success && JSON.stringify(node[column]) !== JSON.stringify(data)) changes[column] = data
  }
  // Its conductor stops to listen, whoever said that it is off.
  if ('console_enabled' in changes) regrant(turn, node, changes)
  await takeParts(turn, node, changed)
  for (const told of [await toldVolumes(turn, uuid, changed), await toldVifs(turn, node, changed)]) {
    if (told === undefined || !(await fits(turn, node, told))) continue
    told.write()
    regrant(turn, node, changes)
  }
  const { driver_internal_info: more = {} } = changed
  if (more !== null && typeof more === 'object') {
    const kept = changed['power_state'] === 'power off' ? withoutAgent(node) : node.driver_internal_info
    const all = merged(kept as Record<string, unknown>, more as Record<string, unknown>)
    if (JSON.stringify(all) !== JSON.stringify(node.driver_internal_info)) {
      changes.driver_internal_info = all
      // What the conductor that has the node is to know next time.
      if (BOOT_MEMORY.some((key) => key in more)) regrant(turn, node, changes)
    }
  }
  const { properties } = changed
  const capabilities = Capabilities.safeParse(changed['capabilities']).data
  if ((properties !== undefined && typeof properties === 'object') || capabilities) {
    const all = merged(node.properties as Record<string, unknown>, (properties ?? {}) as Record<string, unknown>)
    if (capabilities) all['capabilities'] = withCapabilities(all, capabilities)
    const told = { what: 'properties', changed: {}, after: { ...node, properties: all } }
    if (JSON.stringify(all) !== JSON.stringify(node.properties) && (await fits(turn, node, told))) {
      changes.properties = all
      regrant(turn, node, changes)
    }
  }
  if (Object.keys(changes).length === 0) return
  turn.updateNode(uuid, changes as Partial<NodeRow>)
  if ('power_state' in changes)
    turn.event('node.power_state', {
      node: uuid,
      task: node.task,
      body: { from: node.power_state, to: changes.power_state },
    })
}

/** Changes over `base`; a null removes its key. */
export function merged(base: Record<string, unknown>, changes: Record<string, unknown>): Record<string, unknown> {
  const all = { ...base, ...changes }
  for (const [key, value] of Object.entries(changes)) if (value === null) delete all[key]
  return all
}
