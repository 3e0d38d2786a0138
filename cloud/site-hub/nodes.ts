// Nodes as rows: creation, patch, deletion, maintenance. Interfaces are completed from the driver, secrets are sealed before a row exists.
import { FaultError } from '../../shared/faults.ts'
import { uuidv7 } from '../../shared/ids.ts'
import type { DriverFacts } from '../../shared/protocol.ts'
import { askedLabels } from '../../shared/ring-labels.ts'
import { isResting, targetOf, type State } from '../../shared/states.ts'
import type { SiteRef } from '../ports.ts'
import type { NodeRow } from '../schema/rows.ts'
import { freeAddress } from './addresses.ts'
import type { HubCommand } from './commands.ts'
import { applyPatch } from './json-patch.ts'
import { notDriven } from './outage.ts'
import { drop, place, rebalance, regrant } from './ownership.ts'
import { INSTANCE_SECRETS, sealSecrets } from './secrets.ts'
import { liveDrivers } from './state.ts'
import type { Turn } from './turn.ts'

type Command<K> = Extract<HubCommand, { kind: K }>

/** Wire fields that are columns of the same name and may be given at creation or patched. */
const COLUMNS = [
  'name', 'driver_info', 'properties', 'extra', 'instance_info', 'instance_uuid', 'resource_class', 'owner', 'lessee', 'description',
  'chassis_uuid', 'network_data', 'automated_clean', 'protected', 'protected_reason', 'retired', 'retired_reason', 'maintenance', 'driver',
] as const satisfies readonly (keyof NodeRow)[] // prettier-ignore

/** What a removed field becomes, where that is not null. */
const EMPTY: Partial<Record<string, unknown>> = {
  driver_info: {},
  properties: {},
  extra: {},
  instance_info: {},
  network_data: {},
  protected: false,
  retired: false,
  maintenance: false,
}

export async function createNode(turn: Turn, command: Command<'node.create'>, site: SiteRef): Promise<string> {
  const { node } = command
  const driver = driverOf(turn, node.driver)
  const uuid = node.uuid ?? uuidv7(turn.env)
  const labels = askedLabels(node['driver_info'])
  const sealed = await sealColumns(turn, site, uuid, driver, node, {})
  const row: NodeRow = {
    ...blank(turn),
    ...Object.fromEntries(
      COLUMNS.filter((column) => node[column] !== undefined).map((column) => [column, node[column]]),
    ),
    uuid,
    driver: driver.name,
    interfaces: interfacesOf(driver, interfaceFields(node)),
    ...sealed,
    boot_ip: freeAddress(turn.state),
  }
  turn.insertNode(row)
  turn.event('node.created', { node: uuid, body: { name: row.name, driver: row.driver } }, command)
  const index = {
    id: uuid,
    driver: row.driver,
    labels,
    owner: null,
    moved: 0,
    specVersion: row.spec_version,
    bootIp: row.boot_ip,
    target: null,
    dropping: false,
  }
  turn.state.nodes.set(uuid, index)
  await place(turn, index)
  return uuid
}

export async function patchNode(turn: Turn, command: Command<'node.patch'>, site: SiteRef): Promise<string> {
  const node = await turn.node(command.node)
  if (node.task)
    throw new FaultError(
      'node.locked',
      `Node ${node.uuid} is locked by host ${node.reservation ?? 'none yet'}, please retry after the current operation is completed.`,
    )
  const before: Record<string, unknown> = Object.fromEntries(COLUMNS.map((column) => [column, node[column]]))
  for (const [iface, name] of Object.entries(node.interfaces as Record<string, string>))
    before[`${iface}_interface`] = name
  const after = applyPatch(before, command.patch, EMPTY)

  const driver = driverOf(turn, String(after.driver))
  const labels = askedLabels(after.driver_info)
  const sealed = await sealColumns(turn, site, node.uuid, driver, after, node.secrets as Record<string, string>)
  const wanted = interfaceFields(after)
  const changes: Partial<NodeRow> = Object.fromEntries(
    COLUMNS.filter((column) => JSON.stringify(after[column]) !== JSON.stringify(before[column])).map((column) => [
      column,
      after[column],
    ]),
  )
  const interfaces = interfacesOf(driver, wanted)
  if (JSON.stringify(interfaces) !== JSON.stringify(node.interfaces)) {
    if (
      !['enroll', 'inspecting', 'inspect wait', 'manageable', 'available'].includes(node.provision_state) &&
      !node.maintenance
    ) {
      throw new FaultError(
        'conflict',
        `Node ${node.uuid} can not change its driver or interfaces in state "${node.provision_state}".`,
      )
    }
    changes.interfaces = interfaces
  }
  if (changes.maintenance === false) Object.assign(changes, { maintenance_reason: null, fault: null })
  turn.updateNode(node.uuid, { ...changes, ...sealed, spec_version: node.spec_version + 1 })
  const index = turn.state.nodes.get(node.uuid)!
  const moves = index.driver !== driver.name || index.labels !== labels
  index.driver = driver.name
  index.labels = labels
  turn.event(
    'node.updated',
    { node: node.uuid, body: { fields: command.patch.map((operation) => operation.path.split('/')[1]) } },
    command,
  )
  if (moves) await rebalance(turn)
  await regrant(turn, node.uuid)
  return node.uuid
}

export async function deleteNode(turn: Turn, command: Command<'node.delete'>): Promise<null> {
  const node = await turn.node(command.node)
  if (node.protected) throw new FaultError('node.protected', `Node ${node.uuid} is protected and can not be deleted.`)
  if (node.task)
    throw new FaultError(
      'node.locked',
      `Node ${node.uuid} is locked by host ${node.reservation ?? 'none yet'}, please retry after the current operation is completed.`,
    )
  if (node.instance_uuid && !node.maintenance)
    throw new FaultError('node.associated', `Node ${node.uuid} is associated with instance ${node.instance_uuid}.`)
  if (!['manageable', 'enroll', 'adopt failed', 'available'].includes(node.provision_state) && !node.maintenance) {
    throw new FaultError(
      'conflict',
      `Can not delete node "${node.uuid}" while it is in provision state "${node.provision_state}".`,
      {
        hint: isResting(node.provision_state as State)
          ? 'undeploy it, or set maintenance first'
          : `wait until it is ${targetOf(node.provision_state as State)}`,
      },
    )
  }
  const index = turn.state.nodes.get(node.uuid)!
  drop(turn, index)
  turn.removeNode(node.uuid)
  turn.event('node.deleted', { node: node.uuid, body: { name: node.name } }, command)
  await rebalance(turn)
  return null
}

export async function setMaintenance(turn: Turn, command: Command<'node.maintenance'>): Promise<null> {
  const node = await turn.node(command.node)
  turn.updateNode(node.uuid, {
    maintenance: command.on,
    maintenance_reason: command.on ? command.reason : null,
    fault: command.on ? node.fault : null,
    spec_version: node.spec_version + 1,
  })
  turn.event('node.maintenance', { node: node.uuid, body: { on: command.on, reason: command.reason } }, command)
  await regrant(turn, node.uuid)
  return null
}

/** Something in the grant changed outside of the node's own row (a port): its owner gets it again. */
export async function touchSpec(turn: Turn, uuid: string): Promise<void> {
  const node = await turn.node(uuid)
  turn.updateNode(uuid, { spec_version: node.spec_version + 1 })
  await regrant(turn, uuid)
}

/** The columns that may hold secrets as they are stored. */
async function sealColumns(
  turn: Turn,
  site: SiteRef,
  node: string,
  driver: DriverFacts,
  fields: Readonly<Record<string, unknown>>,
  present: Record<string, string>,
): Promise<Pick<NodeRow, 'driver_info' | 'instance_info' | 'secrets'>> {
  const of = (column: string) => (fields[column] ?? {}) as Record<string, unknown>
  const info = await sealSecrets(
    turn,
    { site, node, column: 'driver_info', fields: driver.secrets },
    of('driver_info'),
    present,
  )
  const instance = await sealSecrets(
    turn,
    { site, node, column: 'instance_info', fields: INSTANCE_SECRETS },
    of('instance_info'),
    present,
  )
  return { driver_info: info.shown, instance_info: instance.shown, secrets: { ...info.secrets, ...instance.secrets } }
}

function driverOf(turn: Turn, name: string): DriverFacts {
  const drivers = liveDrivers(turn.state)
  const driver = drivers.get(name)
  if (driver) return driver
  if (turn.state.site.offline_since !== null) throw notDriven(turn.state, `nodes of driver ${name}`)
  const served = drivers.size > 0 ? `they serve: ${[...drivers.keys()].join(', ')}` : 'none is connected'
  throw new FaultError(
    'driver.unknown',
    `No valid host was found: no live conductor of site ${turn.state.site.name} serves driver ${name} (${served}).`,
  )
}

/** One implementation for each interface: the one asked for when the driver has it, else the driver's first. */
function interfacesOf(driver: DriverFacts, asked: Record<string, unknown>): Record<string, string> {
  for (const [iface, name] of Object.entries(asked)) {
    if (name === null || driver.interfaces[iface]?.includes(String(name))) continue
    const offered = driver.interfaces[iface]
    throw new FaultError('driver.unsupported', `Driver ${driver.name} has no ${iface} interface ${String(name)}.`, {
      hint: offered ? `choose one of: ${offered.join(', ')}` : `driver ${driver.name} has no ${iface} interface at all`,
    })
  }
  return Object.fromEntries(
    Object.entries(driver.interfaces).map(([iface, offered]) => [iface, String(asked[iface] ?? offered[0])]),
  )
}

function interfaceFields(fields: Record<string, unknown>): Record<string, unknown> {
  const asked = Object.entries(fields).filter(([key, value]) => key.endsWith('_interface') && value !== undefined)
  return Object.fromEntries(asked.map(([key, value]) => [key.slice(0, -'_interface'.length), value]))
}

function blank(turn: Turn): NodeRow {
  return {
    id: 0, uuid: '', name: null, site: turn.state.site.id, driver: '', interfaces: {}, driver_info: {}, secrets: {}, properties: {}, extra: {},
    instance_info: {}, instance_uuid: null, driver_internal_info: {}, resource_class: null, owner: null, lessee: null, description: null,
    service_step: {}, raid_config: {}, target_raid_config: {}, shard: null, parent_node: null, disable_power_off: false, instance_name: null,
    health: null, allocation: null,
    chassis_uuid: null, network_data: {}, automated_clean: null, protected: false, protected_reason: null, retired: false, retired_reason: null,
    console_enabled: false, boot_mode: null, secure_boot: null, provision_state: 'enroll', target_provision_state: null,
    provision_updated_at: null, power_state: null, target_power_state: null, last_error: null, last_fault: null, maintenance: false,
    maintenance_reason: null, fault: null, deploy_step: {}, clean_step: {}, inspection_started_at: null, inspection_finished_at: null,
    task: null, reservation: null, conductor: null, moved: 0, spec_version: 1, boot_ip: null,
    bmc_session: null, nseq: 0, stale_since: null, version: 1,
    created_at: turn.time, updated_at: null,
  } // prettier-ignore
}
