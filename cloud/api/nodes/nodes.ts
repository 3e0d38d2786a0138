// Nodes: what can be asked of them, and how changes get to the hub. Shapes are checked here, everything else is the hub's word.
import { FaultError } from '../../../shared/faults.ts'
import { isUuid, uuidv7 } from '../../../shared/ids.ts'
import { NODE_FAULTS, STATE_NAMES } from '../../../shared/states.ts'
import type { NewNode, PatchOperation } from '../../site-hub/commands.ts'
import { json, type Answer, type Call, type Route } from '../call.ts'
import { need } from '../microversion.ts'
import {
  BOOLEAN,
  IDENT,
  UUID,
  boolean,
  contains,
  equals,
  invalid,
  isTrue,
  oneOf,
  readQuery,
  type Filter,
} from '../query.ts'
import { mentioned, textOf } from '../items.ts'
import type { Body, Found, Resource } from '../resource.ts'
import { routesOf } from '../resource-routes.ts'
import { siteForNode } from '../sites/find.ts'
import { NODE_ATTRIBUTES } from './attributes.ts'
import { withConfigDrive } from './config-drive.ts'
import { BRIEF_NODE, FROM_NODES, NODE_FIELDS, NODE_SORT, provisionStatesShownAs, STATES_FIELDS } from './fields.ts'
import { command, findNode, isNameOf } from './find.ts'

const isSet = (column: string, name: string, since: number): Filter => ({
  since,
  about: 'true: those that have one; false: those that do not',
  schema: BOOLEAN,
  where: (text) => ({ sql: `${column} IS ${boolean(text, name) ? 'NOT NULL' : 'NULL'}`, args: [] }),
})

/** Finds a node by the state that it is shown with. */
const provisionState: Filter = {
  since: 9,
  schema: { enum: STATE_NAMES },
  where(text, { version }) {
    if (!STATE_NAMES.some((state) => state === text)) throw invalid(`Provision state "${text}" is not valid`)
    const states = provisionStatesShownAs(text, version)
    return { sql: `n.provision_state IN (${states.map(() => '@').join(', ')})`, args: states }
  },
}

const uuidFilter = (column: string, name: string): Filter => ({
  since: 1,
  schema: UUID,
  where(text) {
    if (!isUuid(text)) throw invalid(`Expected a UUID as ${name}, not "${text}"`)
    return { sql: `${column} = @`, args: [text.toLowerCase()] }
  },
})

const hasFault: Filter = {
  since: 42,
  schema: { enum: [...NODE_FAULTS, 'none'] },
  where(text) {
    if (text === 'none') return { sql: 'n.fault IS NULL', args: [] }
    if (!NODE_FAULTS.some((fault) => fault === text))
      throw invalid(`"${text}" is no fault of nodes: ${NODE_FAULTS.join(', ')}`)
    return { sql: 'n.fault = @', args: [text] }
  },
}

const isChassis = uuidFilter('n.chassis_uuid', 'chassis_uuid')

export const NODES: Resource = {
  path: 'nodes',
  since: 1,
  key: 'nodes',
  noun: 'Node',
  from: FROM_NODES,
  uuid: 'n.uuid',
  id: 'n.id',
  site: 'n.site',
  stamp: 'n.version',
  namedSince: 1, // before 1.5 no name is found
  detailPath: true,
  fields: NODE_FIELDS,
  brief: BRIEF_NODE,
  sort: NODE_SORT,
  fieldsSince: 8,
  detailSince: 43,
  attributes: NODE_ATTRIBUTES,
  patchQuery: {
    reset_interfaces: {
      about: 'true, with a change of driver: interfaces that the patch does not name are reset (1.45)',
      schema: BOOLEAN,
    },
  },
  filters: {
    instance_uuid: uuidFilter('n.instance_uuid', 'instance_uuid'),
    chassis_uuid: {
      ...isChassis,
      async where(text, call) {
        const { sql, args } = await isChassis.where(text, call)
        const [known] = await call.sql.all('SELECT 1 FROM chassis WHERE uuid = ?', args)
        if (!known) throw new FaultError('not_found', `Chassis ${text} could not be found.`)
        return { sql, args }
      },
    },
    associated: isSet('n.instance_uuid', 'associated', 1),
    maintenance: isTrue('n.maintenance', 'maintenance', 1),
    provision_state: provisionState,
    driver: equals('n.driver', 16),
    resource_class: equals('n.resource_class', 21),
    fault: hasFault,
    conductor_group: {
      since: 46,
      about: 'the site; empty: the one of nodes that name none',
      where: async (text, { sql }) =>
        text === ''
          ? { sql: 'n.site = @', args: [await siteForNode(sql, undefined)] }
          : { sql: 'n.site = (SELECT id FROM sites WHERE name = @)', args: [text.toLowerCase()] },
    },
    conductor: {
      since: 49,
      where: (text) => ({ sql: 'n.conductor IN (SELECT id FROM conductors WHERE hostname = @)', args: [text] }),
    },
    owner: equals('n.owner', 50),
    description_contains: contains('n.description', 51),
    retired: isTrue('n.retired', 'retired', 61),
    lessee: equals('n.lessee', 65),
    project: {
      since: 65,
      about: 'the owner or the lessee',
      where: (text) => ({ sql: 'n.owner = @ OR n.lessee = @', args: [text, text] }),
    },
    shard: oneOf('n.shard', 82),
    sharded: isSet('n.shard', 'sharded', 82),
    parent_node: {
      since: 83,
      about: 'the children of this node',
      schema: IDENT,
      where: async (text, call) => ({
        sql: 'n.parent_node = @',
        args: [(await findNode(call, text)).uuid],
      }),
    },
    include_children: {
      since: 83,
      about: 'true: nodes that have a parent are listed, too',
      schema: BOOLEAN,
      where: (text) => ({ sql: boolean(text, 'include_children') ? '1' : 'n.parent_node IS NULL', args: [] }),
    },
    instance_name: equals('n.instance_name', 104),
  },
  implied: (query) =>
    ['parent_node', 'include_children', 'instance_uuid'].some((name) => query.has(name))
      ? undefined
      : { sql: 'n.parent_node IS NULL', args: [] },
  writer: {
    create: createNode,
    patch: patchNode,
    async remove(call, { uuid, site }) {
      const [kept] = await call.sql.all('SELECT inventory_blob, plugin_data_blob FROM inventories WHERE node = ?', [
        uuid,
      ])
      await command(call, site!, { kind: 'node.delete', node: uuid })
      for (const key of kept ?? []) if (key !== null) await call.ports.blobs.delete(String(key))
    },
  },
}

async function createNode(call: Call, body: Body): Promise<string> {
  const { conductor_group: group, ...rest } = body
  refuseOldName(call, rest['name'])
  const uuid = String(rest['uuid'] ?? uuidv7(call.ports.env))
  const node: Record<string, unknown> = { ...rest, uuid }
  if (typeof node['parent_node'] === 'string')
    node['parent_node'] = (await mentioned(findNode(call, node['parent_node']))).uuid
  const site = await siteForNode(call.sql, group as string | undefined)
  const available = call.version < ENROLL_SINCE ? { available: true as const } : {}
  const given = { op: 'add', path: '/instance_info', value: node['instance_info'] } as const
  await withConfigDrive(call, { uuid, site }, [given], ([info], kept) => {
    const masked = info?.value === undefined ? node : { ...node, instance_info: info.value }
    return command(call, site, { kind: 'node.create', node: masked as NewNode, ...available, ...kept })
  })
  return uuid
}

function refuseOldName({ version }: Call, name: unknown): void {
  if (typeof name === 'string' && !isNameOf(version, name))
    throw invalid(`Below API version 1.10 a node is called like a host, which "${name}" is not`)
}

/** The microversion from which new nodes start in `enroll`. */
const ENROLL_SINCE = 11

async function patchNode(
  call: Call,
  { uuid, site }: Found,
  operations: readonly PatchOperation[],
  query: ReadonlyMap<string, string>,
): Promise<void> {
  // What comes of the whole patch counts: a node that is put into a chassis again was not taken out.
  if (call.version < 25 && operations.findLast(({ path }) => path === '/chassis_uuid')?.op === 'remove') {
    const [row] = await call.sql.all('SELECT chassis_uuid FROM nodes WHERE uuid = ?', [uuid])
    if (row && row[0] !== null) need(call.version, 25, 'Taking a node out of its chassis')
  }
  const patch: PatchOperation[] = []
  for (const operation of operations) {
    const { path, value, op } = operation
    if (path === '/name') refuseOldName(call, value)
    if (path === '/conductor_group') await refuseMove(call, uuid, op === 'remove' ? '' : String(value))
    else if (path === '/parent_node' && typeof value === 'string')
      patch.push({ ...operation, value: (await mentioned(findNode(call, value))).uuid })
    else patch.push(operation)
  }
  const reset = query.get('reset_interfaces')
  if (reset !== undefined) need(call.version, 45, 'The argument reset_interfaces')
  const isReset = reset !== undefined && boolean(reset, 'reset_interfaces')
  if (isReset && !patch.some(({ path }) => path === '/driver'))
    throw invalid('reset_interfaces needs a change of the driver in the same patch')
  if (patch.length === 0) return
  const resets = isReset ? ({ resetInterfaces: true } as const) : {}
  await withConfigDrive(call, { uuid, site: site! }, patch, (masked, kept) =>
    command(call, site!, { kind: 'node.patch', node: uuid, patch: masked, ...resets, ...kept }),
  )
}

/** A node stays at its site: its secrets are sealed to that, its tasks and lease are that hub's. */
async function refuseMove(call: Call, uuid: string, group: string): Promise<void> {
  const [row] = await call.sql.all('SELECT s.name, s.id FROM nodes n JOIN sites s ON s.id = n.site WHERE n.uuid = ?', [
    uuid,
  ])
  if (row?.[0] === group || (group === '' && row?.[1] === (await siteForNode(call.sql, undefined)))) return
  await siteForNode(call.sql, group) // 400 where there is none
  throw new FaultError('conflict', `Node ${uuid} is at site ${String(row?.[0])}, and cannot be moved to another.`, {
    hint: 'delete it and create it at the other site; its secrets are sealed to this one',
  })
}

async function getStates(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  return json(await textOf(NODES, call, call.params['ident']!, undefined, STATES))
}
export const STATES = { noun: 'NodeStates', fields: STATES_FIELDS }

export const nodeRoutes: readonly Route[] = [
  ...routesOf(NODES),
  { method: 'GET', path: '/v1/nodes/:ident/states', about: 'Shows the states of a node', one: STATES, run: getStates },
]
