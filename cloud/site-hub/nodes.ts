// Nodes as rows: creation, patch, deletion, maintenance. Interfaces are completed from the driver, secrets are sealed before a row exists.
import { FaultError } from '../../shared/faults.ts'
import { uuidv7 } from '../../shared/ids.ts'
import type { DriverFacts } from '../../shared/protocol.ts'
import { askedLabels } from '../../shared/ring-labels.ts'
import { BLOB } from '../../shared/sealing.ts'
import type { SiteRef } from '../ports.ts'
import { nodes } from '../schema/organisation.ts'
import { blankRow, type NodeRow } from '../schema/rows.ts'
import { applyPatch } from '../store/json-patch.ts'
import { freeAddress } from './addresses.ts'
import { endAllocation } from './allocations.ts'
import type { HubCommand, PatchOperation } from './commands.ts'
import { refuseTooLarge } from './grants.ts'
import {
  refuseChanges,
  refuseConsole,
  refuseConsoleOn,
  refuseDelete,
  refuseInterfaces,
  refuseNetworks,
  refusePatch,
  refuseReferences,
} from './node-rules.ts'
import { withoutKept } from '../provision/chosen-interface.ts'
import { notDriven } from './outage.ts'
import { commonDriver, driverNames, driverOf, secretFields } from './drivers.ts'
import { droppedBlob } from './retention.ts'
import { drop, place, rebalance, regrant } from './ownership.ts'
import { dropDocuments } from './parts.ts'
import { INSTANCE_SECRETS, sealSecrets } from './secrets.ts'
import type { Turn } from './turn.ts'

type Command<K> = Extract<HubCommand, { kind: K }>

/** Wire fields that are columns of the same name and may be given at creation or patched. */
const COLUMNS = [
  'name', 'driver_info', 'properties', 'extra', 'instance_info', 'instance_uuid', 'resource_class', 'owner', 'lessee', 'description',
  'chassis_uuid', 'network_data', 'automated_clean', 'protected', 'protected_reason', 'retired', 'retired_reason', 'maintenance', 'driver',
  'shard', 'parent_node', 'disable_power_off', 'instance_name',
] as const satisfies readonly (keyof NodeRow)[] // prettier-ignore

/** And those that creation alone takes. */
const CREATED = [...COLUMNS, 'boot_mode', 'secure_boot', 'console_enabled'] as const

export async function createNode(turn: Turn, command: Command<'node.create'>, site: SiteRef): Promise<string> {
  const { node } = command
  const driver = commonDriver(turn.state, node.driver) ?? refuseUnknown(turn, node.driver)
  const uuid = node.uuid ?? uuidv7(turn.env)
  const labels = askedLabels(node['driver_info'])
  const sealed = await sealColumns(turn, site, uuid, driver, node, driveOf(command))
  const row: NodeRow = {
    ...blankRow(nodes),
    site: turn.state.site.id,
    // Clients from before `enroll` (1.10) know no such state: to them a new node is available.
    provision_state: command.available ? 'available' : 'enroll',
    created_at: turn.time,
    ...given(node),
    uuid,
    driver: driver.name,
    interfaces: interfacesOf(driver, interfaceFields(node)),
    ...sealed,
    boot_ip: freeAddress(turn.state),
  }
  row.instance_name ??= nameShown(row.instance_info)
  refuseConsole(row)
  refuseNetworks({}, row)
  await refuseReferences(turn, uuid, {}, row)
  await refuseTooLarge(turn, null, row)
  turn.insertNode(row)
  dropUnnamed(turn, command, sealed.secrets)
  turn.event('node.created', { node: uuid, body: { name: row.name, driver: row.driver } }, command)
  const index = {
    id: uuid,
    driver: row.driver,
    labels,
    owner: null,
    moved: 0,
    specVersion: row.spec_version,
    bootIp: row.boot_ip,
    withheld: null,
    target: null,
    dropping: false,
  }
  turn.state.nodes.set(uuid, index)
  await place(turn, index)
  return uuid
}

/** The columns that a creation says. */
function given(node: Command<'node.create'>['node']): Partial<NodeRow> {
  const row: Record<string, unknown> = {}
  for (const column of CREATED) if (node[column] !== undefined) row[column] = node[column]
  return row
}

export async function patchNode(turn: Turn, command: Command<'node.patch'>, site: SiteRef): Promise<string> {
  refusePatch(await turn.node(command.node), command.patch)
  return changeNode(turn, command, site)
}

/** A patch in whatever state the node is, also while a task works on it. Throws before it drafts anything. */
export async function changeNode(
  turn: Turn,
  command: Pick<Command<'node.patch'>, 'node' | 'patch' | 'resetInterfaces' | 'configDrive' | 'actor' | 'requestId'>,
  site: SiteRef,
): Promise<string> {
  const node = await turn.node(command.node)
  const before: Record<string, unknown> = Object.fromEntries(COLUMNS.map((column) => [column, node[column]]))
  for (const [iface, name] of Object.entries(node.interfaces as Record<string, string>))
    before[`${iface}_interface`] = name
  const after = applyPatch(before, command.patch, blankRow(nodes) as Record<string, unknown>)
  await refuseChanges(turn, node, before, after)
  for (const reason of ['protected_reason', 'retired_reason'] as const)
    if (after[reason.replace('_reason', '')] !== true && after[reason] !== '') after[reason] = null

  const name = String(after.driver)
  const driver = driverOf(turn.state, { uuid: node.uuid, driver: name }) ?? refuseUnknown(turn, name)
  if (command.resetInterfaces && driver.name !== node.driver) resetInterfaces(after, command.patch)
  const labels = askedLabels(after.driver_info)
  const present = { ...(node.secrets as Record<string, string>), ...driveOf(command) }
  const sealed = await sealColumns(turn, site, node.uuid, driver, after, present)
  const wanted = interfaceFields(after)
  const changes: Partial<NodeRow> = Object.fromEntries(
    COLUMNS.filter((column) => JSON.stringify(after[column]) !== JSON.stringify(before[column])).map((column) => [
      column,
      after[column],
    ]),
  )
  const [called, shown] = [nameShown(before['instance_info']), nameShown(after.instance_info)]
  // One that somebody chose stays.
  if (called !== shown && changes.instance_name === undefined && [null, called].includes(node.instance_name))
    changes.instance_name = shown
  const interfaces = interfacesOf(driver, wanted, driver.name === node.driver ? (node.interfaces as Names) : {})
  if (JSON.stringify(interfaces) !== JSON.stringify(node.interfaces)) {
    // A driver that has more interfaces than before gives the node theirs: nobody has changed anything.
    const isChanged = Object.entries(node.interfaces as object).some(([iface, name]) => interfaces[iface] !== name)
    if (isChanged) refuseInterfaces(node)
    const { console: watched, deploy } = node.interfaces as Record<string, string>
    if (interfaces['console'] !== watched) refuseConsoleOn(node, 'console interface')
    changes.interfaces = interfaces
    if (interfaces['deploy'] !== deploy) Object.assign(changes, withoutKept(node))
  }
  if (changes.maintenance === false) Object.assign(changes, { maintenance_reason: null, fault: null })
  await refuseTooLarge(turn, node, { ...node, ...changes, ...sealed })
  turn.updateNode(node.uuid, { ...changes, ...sealed, spec_version: node.spec_version + 1 })
  dropUnnamed(turn, command, sealed.secrets)
  if (after.instance_uuid === null) endAllocation(turn, node, command)
  const index = turn.state.nodes.get(node.uuid)!
  const moves = index.driver !== driver.name || index.labels !== labels
  index.driver = driver.name
  index.labels = labels
  if (moves) turn.state.loads = null
  turn.event(
    'node.updated',
    { node: node.uuid, body: { fields: command.patch.map((operation) => operation.path.split('/')[1]) } },
    command,
  )
  if (moves) await rebalance(turn)
  await regrant(turn, node.uuid)
  return node.uuid
}

/** Nova says what its instance is called in instance_info; since 1.104 it has a field of its own, which follows what is said there. */
function nameShown(instanceInfo: unknown): string | null {
  const name = (instanceInfo as Record<string, unknown> | null)?.['display_name']
  return typeof name === 'string' && name !== '' ? name.slice(0, 255) : null
}

export async function deleteNode(turn: Turn, command: Command<'node.delete'>): Promise<null> {
  const node = await turn.node(command.node)
  await refuseDelete(turn, node)
  endAllocation(turn, node, command)
  const index = turn.state.nodes.get(node.uuid)!
  drop(turn, index)
  await dropDocuments(turn, node.uuid)
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

interface WithDrive {
  readonly configDrive?: string
}

/** The config drive that a command brings, as a secret that is there already. */
function driveOf({ configDrive }: WithDrive): Record<string, string> {
  return configDrive === undefined ? {} : { 'instance_info.configdrive': `${BLOB}${configDrive}` }
}

/** A later operation of the same patch may have taken it away again. */
function dropUnnamed(turn: Turn, command: WithDrive, secrets: unknown): void {
  const key = droppedBlob(driveOf(command), secrets)
  if (key !== undefined) turn.after(() => void turn.blobs.delete(key).catch(() => undefined))
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
    { site, node, column: 'driver_info', fields: secretFields(turn.state, driver.name) },
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

function refuseUnknown(turn: Turn, name: string): never {
  if (turn.state.site.offline_since !== null) throw notDriven(turn.state, `nodes of driver ${name}`)
  const names = driverNames(turn.state)
  const served = names.length > 0 ? `they serve: ${names.join(', ')}` : 'none is connected'
  throw new FaultError(
    'driver.unknown',
    `No valid host was found: no live conductor of site ${turn.state.site.name} serves driver ${name} (${served}).`,
  )
}

type Names = Readonly<Record<string, string>>

/**
 * One implementation for each interface: the one asked for when the driver has it, else the driver's first. Of those that the node has of this driver
 * already none is refused or lost: another conductor may have had the node.
 */
function interfacesOf(driver: DriverFacts, asked: Record<string, unknown>, present: Names = {}): Names {
  const isKept = (iface: string) => asked[iface] !== undefined && asked[iface] === present[iface]
  for (const [iface, name] of Object.entries(asked)) {
    if (name === null || isKept(iface) || driver.interfaces[iface]?.includes(String(name))) continue
    const offered = driver.interfaces[iface]
    throw new FaultError('driver.unsupported', `Driver ${driver.name} has no ${iface} interface ${String(name)}.`, {
      hint: offered ? `choose one of: ${offered.join(', ')}` : `driver ${driver.name} has no ${iface} interface at all`,
    })
  }
  const kept = Object.entries(present).filter(([iface]) => isKept(iface))
  const served = Object.entries(driver.interfaces).map(([iface, offered]) => [
    iface,
    String(asked[iface] ?? offered[0]),
  ])
  return { ...Object.fromEntries(kept), ...Object.fromEntries(served) }
}

function interfaceFields(fields: Record<string, unknown>): Record<string, unknown> {
  const asked = Object.entries(fields).filter(([key, value]) => key.endsWith('_interface') && value !== undefined)
  return Object.fromEntries(asked.map(([key, value]) => [key.slice(0, -'_interface'.length), value]))
}

/** Interfaces that the patch does not name are forgotten. */
function resetInterfaces(fields: Record<string, unknown>, patch: readonly PatchOperation[]): void {
  const named = new Set(patch.map((operation) => operation.path.slice(1)))
  for (const field of Object.keys(fields)) if (field.endsWith('_interface') && !named.has(field)) delete fields[field]
}
