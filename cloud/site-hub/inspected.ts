// What follows when an inspection found an inventory: the organisation's inspection rules, whose changes become the node's, its traits' and its
// ports'. 1. They are checked as a client's are; what is refused fails the inspection. 2. What rules do to plugin data, later rules see; the
// document that was stored is as it was found.
import { z } from 'zod'
import { fault, Fault, FaultError } from '../../shared/faults.ts'
import type { Found } from '../inspection-rules/actions.ts'
import { applyRules, type Rule } from '../inspection-rules/rules.ts'
import { Work } from '../inspection-rules/work.ts'
import { callerOf } from '../provision/open-task.ts'
import type { SiteRef } from '../ports.ts'
import { Name, Trait } from '../schema/names.ts'
import { inspectionRules } from '../schema/organisation-resources.ts'
import { ports } from '../schema/organisation.ts'
import { select, type NodeRow, type TaskRow } from '../schema/rows.ts'
import type { PatchOperation } from './commands.ts'
import { StoredDocument } from './documents.ts'
import { patchRow } from './node-rows.ts'
import { changeNode } from './nodes.ts'
import { rowsWith } from './owned-rows.ts'
import { storeTraits, traitsOf } from './traits.ts'
import type { Turn } from './turn.ts'

const Dict = z.record(z.string(), z.unknown()).nullable()
const text = (max: number) => z.string().max(max).nullable()

/** Columns of nodes that a rule may change; interfaces besides. */
const OF_NODE = {
  driver: z.string(),
  driver_info: Dict,
  properties: Dict,
  extra: Dict,
  instance_info: Dict,
  name: Name.nullable(),
  description: text(4096),
  resource_class: text(80),
  owner: text(255),
  lessee: text(255),
  shard: text(255),
  automated_clean: z.boolean().nullable(),
  disable_power_off: z.boolean().nullable(),
  retired: z.boolean().nullable(),
  retired_reason: text(4096),
} as const satisfies Partial<Record<keyof NodeRow, z.ZodType>>

/** And of ports. */
const OF_PORT = {
  name: Name.nullable(),
  extra: Dict,
  description: text(255),
  local_link_connection: Dict,
  physical_network: text(64),
  pxe_enabled: z.boolean().nullable(),
  is_smartnic: z.boolean().nullable(),
  vendor: text(255),
  category: text(80),
} as const

const READABLE = ['uuid', 'provision_state', 'power_state', 'instance_uuid', 'maintenance', 'boot_mode', 'secure_boot'] as const // prettier-ignore

type Fields = Record<string, unknown>

/** A step of an inspection found these facts. */
export async function carryOutRules(turn: Turn, task: TaskRow, facts: Fields, site: SiteRef): Promise<void> {
  const { inventory, plugin_data: plugin } = facts
  if (!(inventory instanceof StoredDocument)) return
  const rules = (await select(turn.sql, inspectionRules, "phase = 'main' ORDER BY id", [])) as unknown as Rule[]
  if (rules.length === 0) return
  const before = await found(turn, task.node, inventory.value, plugin instanceof StoredDocument ? plugin.value : {})
  const after = structuredClone(before)
  const work = new Work()
  const failure = applyRules(rules, after, work) ?? (await store(turn, task, before, after, site))
  turn.work += work.spent
  const { lines, more } = after.log
  for (const line of lines) turn.note(task.node, task.id, turn.now, 'inspection rule', line)
  if (more > 0) turn.note(task.node, task.id, turn.now, 'inspection rule', { message: `${more} lines more` })
  if (failure === undefined) return
  const refused = fault('inspection.refused', failure)
  turn.updateTask(task, { context: { ...(task.context as Fields), inspection_refused: refused } })
}

/** Why an inspection that its conductor carried out well has failed all the same. */
export function refusedByRule(task: TaskRow): Fault | null {
  return Fault.safeParse((task.context as Fields)['inspection_refused']).data ?? null
}

async function found(turn: Turn, uuid: string, inventory: Fields, pluginData: Fields): Promise<Found> {
  const node = await turn.node(uuid)
  const interfaces = Object.entries(node.interfaces as Record<string, string>)
  const attached = await rowsWith(turn, ports, 'node', uuid)
  return {
    inventory,
    pluginData,
    about: Object.fromEntries(READABLE.map((column) => [column, node[column]])),
    node: {
      ...pick(node, OF_NODE),
      ...Object.fromEntries(interfaces.map(([name, chosen]) => [`${name}_interface`, chosen])),
    },
    traits: await traitsOf(turn, uuid),
    ports: attached.map((port) => ({ uuid: port.uuid, address: port['address'], ...pick(port, OF_PORT) })),
    log: { lines: [], more: 0 },
  }
}

const pick = (row: Fields, columns: object): Fields =>
  Object.fromEntries(Object.keys(columns).map((column) => [column, row[column]]))

/** Drafts what rules changed. Answers what forbids it, if something does. */
async function store(
  turn: Turn,
  task: TaskRow,
  before: Found,
  after: Found,
  site: SiteRef,
): Promise<string | undefined> {
  const node = await turn.node(task.node)
  const caller = callerOf(task)
  try {
    const patch = patchOf(before.node, after.node, OF_NODE)
    await refuseTakenName(turn, node, after.node['name'])
    for (const trait of after.traits) if (!before.traits.has(trait)) checked(Trait, trait, 'trait')
    const isOther = before.node['driver'] !== after.node['driver']
    const change = { node: node.uuid, patch, ...(isOther && { resetInterfaces: true as const }), ...caller }
    if (patch.length > 0) await changeNode(turn, change, site)
    const [had, has] = [before.traits, after.traits]
    if ([...had].sort().join() !== [...has].sort().join()) storeTraits(turn, node, had, has, caller)
    for (const [i, port] of after.ports.entries()) {
      const changes = patchOf(before.ports[i]!, port, OF_PORT)
      const command = {
        kind: 'row.patch',
        table: 'port',
        uuid: String(port['uuid']),
        patch: changes,
        ...caller,
      } as const
      if (changes.length > 0) await patchRow(turn, command, site)
    }
    return undefined
  } catch (error) {
    if (error instanceof FaultError) return `inspection rules: ${error.message}`
    throw error
  }
}

function patchOf(before: Fields, after: Fields, schemas: Readonly<Record<string, z.ZodType>>): PatchOperation[] {
  const changed = Object.keys(after).filter((key) => JSON.stringify(after[key]) !== JSON.stringify(before[key]))
  return changed.map((key) => {
    const path = `/${key}`
    const value = checked(schemas[key] ?? (key.endsWith('_interface') ? text(255) : z.never()), after[key], key)
    return value === null ? { op: 'remove', path } : { op: 'add', path, value }
  })
}

function checked(schema: z.ZodType, value: unknown, what: string): unknown {
  const { error, data } = schema.safeParse(value)
  if (error)
    throw new FaultError('request.invalid', `${what} cannot be ${JSON.stringify(value)}: ${error.issues[0]!.message}.`)
  return data
}

/** Looked up before the constraint would throw the whole turn away. */
async function refuseTakenName(turn: Turn, { uuid, name: before }: NodeRow, name: unknown): Promise<void> {
  if (name === before || typeof name !== 'string') return
  const [row] = await turn.sql.all('SELECT uuid FROM nodes WHERE name = ? AND uuid <> ?', [name, uuid])
  if (row) throw new FaultError('conflict', `A node with name ${name} already exists.`)
}
