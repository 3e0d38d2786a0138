// Ports (network interfaces of nodes) as rows. A change reaches the conductor with the node's grant.
import { FaultError } from '../../shared/faults.ts'
import { parseMac, uuidv7 } from '../../shared/ids.ts'
import { ports } from '../schema/organisation.ts'
import { insert, remove, select, update, type NodeRow, type PortRow } from '../schema/rows.ts'
import type { HubCommand } from './commands.ts'
import { applyPatch } from './json-patch.ts'
import { touchSpec } from './nodes.ts'
import type { Turn } from './turn.ts'

type Command<K> = Extract<HubCommand, { kind: K }>

const COLUMNS = [
  'name',
  'address',
  'pxe_enabled',
  'extra',
  'local_link_connection',
  'physical_network',
  'is_smartnic',
  'description',
] as const
const EMPTY = { extra: {}, local_link_connection: {}, pxe_enabled: true, is_smartnic: false }

export async function createPort(turn: Turn, command: Command<'port.create'>): Promise<string> {
  const { port } = command
  const node = await turn.node(port.node)
  const address = macOf(port.address)
  const [taken] = await turn.sql.all('SELECT uuid FROM ports WHERE address = ?', [address])
  if (taken || [...turn.portChanges.values()].some((other) => other?.address === address))
    throw new FaultError('conflict', `A port with MAC address ${address} already exists.`)
  const row: PortRow = {
    id: 0,
    uuid: port.uuid ?? uuidv7(turn.env),
    name: null,
    node: node.uuid,
    site: turn.state.site.id,
    pxe_enabled: true,
    portgroup: null,
    vendor: null,
    category: null,
    available_for_dynamic_portgroup: false,
    extra: {},
    internal_info: {},
    local_link_connection: {},
    physical_network: null,
    is_smartnic: false,
    description: null,
    created_at: turn.time,
    updated_at: null,
    ...Object.fromEntries(
      COLUMNS.filter((column) => port[column] !== undefined).map((column) => [column, port[column]]),
    ),
    address,
  }
  const { id: _, ...values } = row
  turn.write(insert(ports, values))
  turn.portChanges.set(row.uuid, row)
  turn.event('port.created', { node: node.uuid, body: { port: row.uuid, address } }, command)
  await touchSpec(turn, node.uuid)
  return row.uuid
}

export async function patchPort(turn: Turn, command: Command<'port.patch'>): Promise<string> {
  const port = await find(turn, command.port)
  const before = Object.fromEntries(COLUMNS.map((column) => [column, port[column]]))
  const after = applyPatch(before, command.patch, EMPTY)
  after.address = macOf(after.address)
  if (after.address !== port.address) refuseNewAddress(await turn.node(port.node), port)
  turn.write(update(ports, 'uuid', port.uuid, { ...(after as Partial<PortRow>), updated_at: turn.time }))
  turn.event(
    'port.updated',
    {
      node: port.node,
      body: { port: port.uuid, fields: command.patch.map((operation) => operation.path.split('/')[1]) },
    },
    command,
  )
  turn.portChanges.set(port.uuid, { ...port, ...(after as Partial<PortRow>) })
  await touchSpec(turn, port.node)
  return port.uuid
}

export async function deletePort(turn: Turn, command: Command<'port.delete'>): Promise<null> {
  const port = await find(turn, command.port)
  turn.write(remove(ports, 'uuid', port.uuid))
  turn.event('port.deleted', { node: port.node, body: { port: port.uuid } }, command)
  turn.portChanges.set(port.uuid, null)
  await touchSpec(turn, port.node)
  return null
}

/** As Ironic: a machine that somebody uses keeps the addresses that its network knows. */
function refuseNewAddress(node: NodeRow, port: PortRow): void {
  if (node.maintenance || (node.provision_state !== 'active' && node.instance_uuid === null)) return
  throw new FaultError(
    'conflict',
    `Cannot update hardware address for port ${port.uuid} as node ${node.uuid} is active or has instance UUID assigned.`,
    { hint: 'undeploy the node or set maintenance first' },
  )
}

/** The time of its last change; a port that was changed in this very turn has none that anybody could know. */
export async function portStamp(turn: Turn, uuid: string): Promise<string> {
  if (turn.portChanges.has(uuid)) return ''
  const port = await find(turn, uuid)
  return port.updated_at ?? port.created_at
}

async function find(turn: Turn, uuid: string): Promise<PortRow> {
  const [port] = await select(turn.sql, ports, 'uuid = ? AND site = ?', [uuid, turn.state.site.id])
  if (!port) throw new FaultError('not_found', `Port ${uuid} could not be found.`)
  return port
}

function macOf(text: unknown): string {
  const mac = typeof text === 'string' ? parseMac(text) : undefined
  if (!mac) throw new FaultError('request.invalid', `Expected a MAC address but received ${JSON.stringify(text)}.`)
  return mac
}
