// What is particular to each table of rows that belong to a node: its columns, what is unique, and Ironic's rules for changes.
import type { SQLiteTable } from 'drizzle-orm/sqlite-core'
import { FaultError } from '../../shared/faults.ts'
import { parseMac } from '../../shared/ids.ts'
import type { SiteRef } from '../ports.ts'
import { portgroups, volumeConnectors, volumeTargets } from '../schema/organisation-resources.ts'
import { ports } from '../schema/organisation.ts'
import type { NodeRow } from '../schema/rows.ts'
import { type Belongings, targetColumn } from './belongings.ts'
import type { NodeTable } from './commands.ts'
import { linkConnection } from './link-connection.ts'
import { isDeletable, isRewirable, refuseLocked } from './node-rules.ts'
import { rowsWith, vifOf, type NodeOwned } from './owned-rows.ts'
import { sealSecrets } from './secrets.ts'
import type { Turn } from './turn.ts'

export interface Change {
  readonly site: SiteRef
  readonly node: NodeRow
  /** Null: it is being made. */
  readonly before: NodeOwned | null
  readonly after: NodeOwned
}

export interface RowKind {
  readonly table: SQLiteTable
  readonly noun: string
  /** Columns that creation and patches may set. */
  readonly columns: readonly string[]
  readonly unique: readonly (readonly string[])[]
  /** As which it is part of the node's grant, which its conductor gets again. */
  readonly granted?: keyof Belongings
  /** It is part of it only where the node's network interface wires it. */
  readonly wired?: true
  readonly secrets?: true
  /** Throws what forbids the change; may answer the row in its normal form. */
  check?(turn: Turn, change: Change): Promise<NodeOwned> | Promise<void> | NodeOwned | void
  checkDelete?(turn: Turn, change: Change): Promise<void> | void
  /** May it go to another node, as its node is? */
  moves?(node: NodeRow): boolean
}

export const KINDS: Readonly<Record<NodeTable, RowKind>> = {
  port: {
    table: ports,
    noun: 'Port',
    columns: [
      'name', 'address', 'pxe_enabled', 'extra', 'local_link_connection', 'physical_network', 'is_smartnic', 'description', 'portgroup',
      'vendor', 'category', 'available_for_dynamic_portgroup',
    ], // prettier-ignore
    unique: [['address'], ['name'], ['uuid']],
    granted: 'ports',
    check: checkPort,
    checkDelete(_turn, { node, before }) {
      const vif = vifOf(before!)
      if (vif === undefined || node.maintenance) return
      throw new FaultError('conflict', `Port ${before!.uuid} has VIF ${vif} attached.`, {
        hint: `detach it first: DELETE /v1/nodes/${node.uuid}/vifs/${vif}`,
      })
    },
    moves: isRewirable,
  },
  portgroup: {
    table: portgroups,
    noun: 'Portgroup',
    columns: [
      'name', 'address', 'extra', 'mode', 'properties', 'standalone_ports_supported', 'physical_network', 'category',
    ], // prettier-ignore
    unique: [['address'], ['name'], ['uuid']],
    granted: 'groups',
    wired: true,
    check: checkPortgroup,
    async checkDelete(turn, { before }) {
      const members = await rowsWith(turn, ports, 'portgroup', before!.uuid)
      if (members.length > 0)
        throw new FaultError('request.invalid', `Portgroup ${before!.uuid} has ${members.length} ports.`, {
          hint: 'remove portgroup_uuid from its ports first: GET /v1/portgroups/{id}/ports lists them',
        })
    },
    moves: isRewirable,
  },
  volume_connector: {
    table: volumeConnectors,
    noun: 'Volume connector',
    columns: ['type', 'connector_id', 'extra'],
    unique: [['connector_id', 'type'], ['uuid']],
    granted: 'connectors',
    check: (_turn, change) => checkVolume('connector', change),
    checkDelete: (_turn, change) => checkVolumeDelete('connector', change),
  },
  volume_target: {
    table: volumeTargets,
    noun: 'Volume target',
    columns: ['volume_type', 'volume_id', 'boot_index', 'properties', 'extra'],
    unique: [['node', 'boot_index'], ['uuid']],
    granted: 'targets',
    secrets: true,
    async check(turn, change) {
      checkVolume('target', change)
      const { site, before, after } = change
      // What is sealed for one node cannot be opened for another: with a move the secrets are given anew.
      const present = before?.node === after.node ? before['secrets'] : {}
      const column = targetColumn(after.uuid)
      const { shown, secrets } = await sealSecrets(
        turn,
        { site, node: after.node, column, fields: [] },
        after['properties'] as Record<string, unknown>,
        present as Record<string, string>,
      )
      return { ...after, properties: shown, secrets }
    },
    checkDelete: (_turn, change) => checkVolumeDelete('target', change),
  },
}

function macOf(value: unknown): string {
  const mac = typeof value === 'string' ? parseMac(value) : undefined
  if (!mac) throw new FaultError('request.invalid', `Expected a MAC address but received ${JSON.stringify(value)}.`)
  return mac
}

const isChanged = ({ before, after }: Change, column: string): boolean =>
  before !== null && JSON.stringify(before[column]) !== JSON.stringify(after[column])

const CONNECTIVITY = ['portgroup', 'pxe_enabled', 'local_link_connection', 'physical_network']

async function checkPort(turn: Turn, change: Change): Promise<NodeOwned> {
  const { node, before } = change
  const after: NodeOwned = {
    ...change.after,
    address: macOf(change.after['address']),
    local_link_connection: linkConnection(change.after['local_link_connection'], change.after['is_smartnic'] === true),
  }
  const rewired = CONNECTIVITY.filter((column) => isChanged({ ...change, after }, column))
  if (rewired.length > 0 && !isRewirable(node))
    throw new FaultError(
      'conflict',
      `Port ${after.uuid} can not change ${rewired.join(', ')} while node ${node.uuid} is in state "${node.provision_state}".`,
      { hint: 'change it in enroll, inspecting, inspect wait or manageable, or set maintenance first' },
    )
  const inUse = node.instance_uuid !== null || node.provision_state === 'active'
  if (before && before['address'] !== after['address'] && inUse && !node.maintenance)
    throw new FaultError(
      'conflict',
      `Port ${after.uuid} can not change its address while node ${node.uuid} has an instance.`,
      { hint: 'undeploy the node or set maintenance first' },
    )
  if (after['portgroup'] !== null) await checkMember(turn, after)
  return after
}

/** A member of a portgroup: of the same node and network, and booting by itself only where the group allows that. */
async function checkMember(turn: Turn, port: NodeOwned): Promise<void> {
  const id = String(port['portgroup'])
  const [group] = await rowsWith(turn, portgroups, 'uuid', id)
  if (!group) throw new FaultError('request.invalid', `Portgroup ${id} could not be found.`)
  if (group.node !== port.node)
    throw new FaultError('request.invalid', `Portgroup ${id} belongs to another node than port ${port.uuid}.`)
  if (port['pxe_enabled'] === true && group['standalone_ports_supported'] !== true)
    throw new FaultError(
      'conflict',
      `Port ${port.uuid} can not boot (pxe_enabled) as a member of portgroup ${id}, which has no standalone ports.`,
    )
  const other = (await rowsWith(turn, ports, 'portgroup', id)).find(
    (member) => member.uuid !== port.uuid && member['physical_network'] !== port['physical_network'],
  )
  if (other)
    throw new FaultError(
      'conflict',
      `Port ${port.uuid} and port ${other.uuid} of portgroup ${id} are on different physical networks.`,
    )
}

async function checkPortgroup(turn: Turn, change: Change): Promise<NodeOwned> {
  const { node, before, after } = change
  if (isChanged(change, 'standalone_ports_supported') && !isRewirable(node))
    throw new FaultError(
      'conflict',
      `Portgroup ${after.uuid} can not change standalone_ports_supported while node ${node.uuid} is in state "${node.provision_state}".`,
    )
  if (before && isChanged(change, 'address') && node.instance_uuid !== null && !node.maintenance)
    throw new FaultError(
      'conflict',
      `Portgroup ${after.uuid} can not change its address while its node has an instance.`,
    )
  const members = before ? await rowsWith(turn, ports, 'portgroup', before.uuid) : []
  if (isChanged(change, 'node') && members.length > 0)
    throw new FaultError('conflict', `Portgroup ${after.uuid} has ports of node ${node.uuid}.`)
  if (after['standalone_ports_supported'] === false && members.some((port) => port['pxe_enabled'] === true))
    throw new FaultError(
      'conflict',
      `Portgroup ${after.uuid} has ports that boot (pxe_enabled), which would be standalone.`,
    )
  return after['address'] === null ? after : { ...after, address: macOf(after['address']) }
}

type Volume = 'connector' | 'target'

function checkVolume(what: Volume, { node, before }: Change): void {
  if (before) refuseOn(node, `volume ${what} update`)
}

function checkVolumeDelete(what: Volume, { node }: Change): void {
  if (!isDeletable(node)) refuseOn(node, `volume ${what} deletion`)
}

/** In Ironic's words. */
function refuseOn(node: NodeRow, action: string): void {
  if (node.power_state === 'power off') return
  refuseLocked(node) // it may be on its way there
  throw new FaultError(
    'state.invalid',
    `The requested action "${action}" can not be performed on node "${node.uuid}" while it is in state "${node.power_state ?? 'unknown'}".`,
    { hint: 'power the node off first' },
  )
}
