// Networks of a node's instance (VIFs), for all network interfaces alike: which port or portgroup has which is kept in its internal_info, as Ironic keeps
// it, and whoever wires switches reads it there: the node's conductor (`neutron`), or somebody else.
import { FaultError } from '../../shared/faults.ts'
import type { State } from '../../shared/states.ts'
import { portgroups } from '../schema/organisation-resources.ts'
import { ports } from '../schema/organisation.ts'
import { type PortRow, stampAfter, update } from '../schema/rows.ts'
import { isWired } from '../provision/used-interfaces.ts'
import type { Belongings } from './belongings.ts'
import type { HubCommand, VifPlace } from './commands.ts'
import { refuseTooLarge } from './grants.ts'
import type { NetworkChange } from './network-changes.ts'
import { refuseLocked } from './node-rules.ts'
import { touchSpec } from './nodes.ts'
import { rowsWith, vifOf, type NodeOwned } from './owned-rows.ts'
import type { Turn } from './turn.ts'

type Command<K> = Extract<HubCommand, { kind: K }>
const TABLES = { port: ports, portgroup: portgroups }
interface Place {
  readonly table: keyof typeof TABLES
  readonly row: NodeOwned
}

export async function drawAttach(turn: Turn, command: Command<'vif.attach'>): Promise<NetworkChange> {
  const node = await turn.node(command.node)
  refuseLocked(node)
  const { vif } = command
  const { table, row } = await placeFor(turn, command)
  const keep = async (later: Turn): Promise<VifPlace> => {
    const place = (await placesOf(later, node.uuid)).find((each) => each.row.uuid === row.uuid)
    if (place === undefined || vifOf(place.row) !== undefined)
      throw new FaultError('conflict', `The ${table} ${row.uuid} of node ${node.uuid} is not free any more.`)
    setVif(later, place, vif)
    await told(later, 'vif.attached', command, place)
    return { table, uuid: row.uuid }
  }
  if (!isWired(turn, node)) return { node: node.uuid, keep }
  await refuseTooLarge(turn, node, node, await belongingsWith(turn, node.uuid, { table, row }, vif))
  const active = node.provision_state === ('active' satisfies State)
  return {
    node: node.uuid,
    ask: { method: 'vif_attach', args: { vif, place: row.uuid, active } },
    takeBack: { method: 'vif_detach', args: { vif } },
    keep,
  }
}

/** Only what is attached to this node is unplugged: any port of the network service could be named here. */
export async function drawDetach(turn: Turn, command: Command<'vif.detach'>): Promise<NetworkChange> {
  const node = await turn.node(command.node)
  refuseLocked(node)
  const { vif } = command
  await placeWith(turn, command)
  const keep = async (later: Turn): Promise<VifPlace> => {
    const place = await placeWith(later, command)
    setVif(later, place, undefined)
    await told(later, 'vif.detached', command, place)
    return { table: place.table, uuid: place.row.uuid }
  }
  const ask = isWired(turn, node) && { method: 'vif_detach' as const, args: { vif } }
  return { node: node.uuid, ...(ask && { ask }), keep }
}

async function placeFor(turn: Turn, { node, vif, on, physical = [] }: Command<'vif.attach'>): Promise<Place> {
  const places = preferring(physical, await placesOf(turn, node))
  const has = places.find(({ row }) => vifOf(row) === vif)
  if (has)
    throw new FaultError('conflict', `VIF ${vif} is attached to ${has.table} ${has.row.uuid} already.`, {
      hint: 'detach it first',
    })
  const fitting = places.filter((place) => isOn(places, place, physical))
  const place = on ? chosen(places, on, node) : fitting.find(({ row }) => isFree(places, row))
  const where = physical.length === 0 ? '' : ` on physical network ${physical.join(' or ')}`
  if (!place)
    throw new FaultError('request.invalid', `Node ${node} has no free port${where} for VIF ${vif}.`, {
      hint: 'detach another VIF, or create a port',
    })
  if (!fitting.includes(place))
    throw new FaultError('conflict', `The ${place.table} ${place.row.uuid} is not${where}, where VIF ${vif} is.`, {
      hint: 'choose another port, or correct physical_network of the port',
    })
  return place
}

async function placeWith(turn: Turn, { node, vif }: Command<'vif.detach'>): Promise<Place> {
  const place = (await placesOf(turn, node)).find(({ row }) => vifOf(row) === vif)
  if (place) return place
  throw new FaultError('request.invalid', `VIF ${vif} is not attached to node ${node}.`, {
    hint: `GET /v1/nodes/${node}/vifs lists what is`,
  })
}

async function told(
  turn: Turn,
  type: 'vif.attached' | 'vif.detached',
  command: Command<'vif.attach' | 'vif.detach'>,
  { table, row }: Place,
): Promise<void> {
  const { node, vif } = command
  turn.event(type, { node, body: { vif, [table]: row.uuid } }, command)
  if (isWired(turn, await turn.node(node))) await touchSpec(turn, node)
}

/** In the order in which one is chosen, as Ironic does: portgroups, then ports that boot, then the others; each by age. */
async function placesOf(turn: Turn, node: string): Promise<Place[]> {
  const groups = await rowsWith(turn, portgroups, 'node', node)
  const nics = await rowsWith(turn, ports, 'node', node)
  const boots = nics.filter((row) => row['pxe_enabled'] === true)
  const others = nics.filter((row) => row['pxe_enabled'] !== true)
  return [
    ...groups.map((row) => ({ table: 'portgroup' as const, row })),
    ...[...boots, ...others].map((row) => ({ table: 'port' as const, row })),
  ]
}

/** The physical network of a port; of a portgroup that of its ports, which have all the same. Null: nobody has said it. */
function physicalOf(places: readonly Place[], { row }: Place): unknown {
  const member = places.find((place) => place.row['portgroup'] === row.uuid)
  return row['physical_network'] ?? member?.row['physical_network'] ?? null
}

/** Can a VIF that is on these physical networks be there? Whose network nobody has said may be on any. */
function isOn(places: readonly Place[], place: Place, physical: readonly string[]): boolean {
  const own = physicalOf(places, place)
  return own === null || physical.length === 0 || physical.includes(String(own))
}

/** Those first of which it is known that they are on one of these. */
function preferring(physical: readonly string[], places: readonly Place[]): Place[] {
  const isKnown = (place: Place) => physical.includes(String(physicalOf(places, place)))
  return places.toSorted((a, b) => Number(isKnown(b)) - Number(isKnown(a)))
}

/** Has it no network, and neither the group that it is in nor a member of the group that it is? An empty group carries nothing. */
function isFree(places: readonly Place[], row: NodeOwned): boolean {
  if (vifOf(row) !== undefined) return false
  const members = places.filter((place) => place.row['portgroup'] === row.uuid)
  const isGroup = places.some((place) => place.table === 'portgroup' && place.row === row)
  if (isGroup) return members.length > 0 && members.every((member) => vifOf(member.row) === undefined)
  const group = places.find((place) => place.row.uuid === row['portgroup'])
  return !group || (vifOf(group.row) === undefined && group.row['standalone_ports_supported'] === true)
}

function chosen(places: readonly Place[], on: { table: string; uuid: string }, node: string): Place {
  const place = places.find(({ table, row }) => table === on.table && row.uuid === on.uuid)
  if (!place) throw new FaultError('request.invalid', `Node ${node} has no ${on.table} ${on.uuid}.`)
  const vif = vifOf(place.row)
  if (vif !== undefined)
    throw new FaultError('conflict', `The ${on.table} ${on.uuid} has VIF ${vif} already.`, { hint: 'detach it first' })
  return place
}

/** What belongs to the node, as it would be with the VIF. */
async function belongingsWith(turn: Turn, node: string, place: Place, vif: string): Promise<Partial<Belongings>> {
  const rows = await rowsWith(turn, TABLES[place.table], 'node', node)
  const changed = rows.map((row) => (row.uuid === place.row.uuid ? { ...row, internal_info: infoWith(row, vif) } : row))
  return place.table === 'port' ? { ports: changed as unknown as PortRow[] } : { groups: changed }
}

/** internal_info of a port or portgroup that has this VIF, or none. */
function infoWith(row: NodeOwned, vif: string | undefined): Record<string, unknown> {
  const { tenant_vif_port_id: _, ...rest } = row['internal_info'] as Record<string, unknown>
  return vif === undefined ? rest : { ...rest, tenant_vif_port_id: vif }
}

function setVif(turn: Turn, { table, row }: Place, vif: string | undefined): void {
  const internal_info = infoWith(row, vif)
  const updated_at = stampAfter(row, turn.now)
  turn.write(update(TABLES[table], 'uuid', row.uuid, { internal_info, updated_at }))
  turn.changed(TABLES[table]).set(row.uuid, { ...row, internal_info, updated_at } as never)
}
