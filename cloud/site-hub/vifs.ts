// Networks of a node's instance (VIFs), for the network interfaces noop and flat alike: which port or portgroup has which is kept in its internal_info,
// as Ironic keeps it, and whoever wires switches reads it there.
import { FaultError } from '../../shared/faults.ts'
import { portgroups } from '../schema/organisation-resources.ts'
import { ports } from '../schema/organisation.ts'
import { stampAfter, update } from '../schema/rows.ts'
import type { HubCommand } from './commands.ts'
import { refuseLocked } from './node-rules.ts'
import { rowsWith, vifOf, type NodeOwned } from './owned-rows.ts'
import type { Turn } from './turn.ts'

type Command<K> = Extract<HubCommand, { kind: K }>
const TABLES = { port: ports, portgroup: portgroups }
interface Place {
  readonly table: keyof typeof TABLES
  readonly row: NodeOwned
}

export async function attachVif(turn: Turn, command: Command<'vif.attach'>): Promise<null> {
  const node = await turn.node(command.node)
  refuseLocked(node)
  const places = await placesOf(turn, node.uuid)
  const { vif, on } = command
  const has = places.find(({ row }) => vifOf(row) === vif)
  if (has)
    throw new FaultError('conflict', `VIF ${vif} is attached to ${has.table} ${has.row.uuid} already.`, {
      hint: 'detach it first',
    })
  const place = on ? chosen(places, on, node.uuid) : places.find(({ row }) => isFree(places, row))
  if (!place)
    throw new FaultError('request.invalid', `Node ${node.uuid} has no free port for VIF ${vif}.`, {
      hint: 'detach another VIF, or create a port',
    })
  keep(turn, place, { ...(place.row['internal_info'] as object), tenant_vif_port_id: vif })
  turn.event('vif.attached', { node: node.uuid, body: { vif, [place.table]: place.row.uuid } }, command)
  return null
}

export async function detachVif(turn: Turn, command: Command<'vif.detach'>): Promise<null> {
  const node = await turn.node(command.node)
  refuseLocked(node)
  const { vif } = command
  const place = (await placesOf(turn, node.uuid)).find(({ row }) => vifOf(row) === vif)
  if (!place)
    throw new FaultError('request.invalid', `VIF ${vif} is not attached to node ${node.uuid}.`, {
      hint: `GET /v1/nodes/${node.uuid}/vifs lists what is`,
    })
  const { tenant_vif_port_id: _, ...rest } = place.row['internal_info'] as Record<string, unknown>
  keep(turn, place, rest)
  turn.event('vif.detached', { node: node.uuid, body: { vif, [place.table]: place.row.uuid } }, command)
  return null
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

function keep(turn: Turn, { table, row }: Place, internal_info: Record<string, unknown>): void {
  const updated_at = stampAfter(row, turn.now)
  turn.write(update(TABLES[table], 'uuid', row.uuid, { internal_info, updated_at }))
  turn.changed(TABLES[table]).set(row.uuid, { ...row, internal_info, updated_at } as never)
}
