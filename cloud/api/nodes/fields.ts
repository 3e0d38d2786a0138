// The fields of a node: wire name, the microversion that shows it, and the SQL that gives it. Every answer about nodes comes from
// this one table. 1. The column `secrets` is never named here. 2. What may hold a secret goes through `masked`.
import { STATES } from '../../../shared/states.ts'
import { flag, json, links, type Field, type Json } from '../../store/json-sql.ts'

/** FROM of every statement that uses these fields. */
export const FROM_NODES = 'nodes n JOIN sites s ON s.id = n.site LEFT JOIN conductors c ON c.id = n.conductor'

/** The interfaces of a driver and the microversion of `<name>_interface`. */
export const INTERFACES = {
  bios: 40,
  boot: 31,
  console: 31,
  deploy: 31,
  firmware: 86,
  inspect: 31,
  management: 31,
  network: 20,
  power: 31,
  raid: 31,
  rescue: 38,
  storage: 33,
  vendor: 31,
} as const

// Rebuilds an object with ****** for keys that sound secret, and those of `more`: the place of a config drive or an image may be a signed
// URL. The test in front keeps the usual case free of the rebuilding.
const masked = (column: string, more: readonly string[] = []): Json => {
  const sounds = (text: string) =>
    `(${['passw', 'secret', 'token', 'credential', ...more].map((word) => `${text} LIKE '%${word}%'`).join(' OR ')})`
  const rebuilt = `SELECT json_group_object(key, json(CASE WHEN ${sounds('key')} AND type <> 'null' THEN '"******"' ELSE ${column} -> fullkey END)) FROM json_each(${column})`
  return json(`CASE WHEN ${sounds(column)} THEN (${rebuilt}) ELSE ${column} END`)
}

// Below 1.2 "available" was null; below 1.39 "inspect wait" was part of "inspecting".
const state = (column: string) => (version: number) => {
  if (version < 2) return `nullif(iif(${column} = 'inspect wait', 'inspecting', ${column}), 'available')`
  return version < 39 ? `iif(${column} = 'inspect wait', 'inspecting', ${column})` : column
}

const EXPECTED_S = Object.entries(STATES).flatMap(([name, facts]) =>
  'expectedS' in facts ? [`WHEN '${name}' THEN ${facts.expectedS}`] : [],
)
const EXPECTED_AT = `strftime('%Y-%m-%dT%H:%M:%f+00:00', n.provision_updated_at, '+' || CASE n.provision_state ${EXPECTED_S.join(' ')} END || ' seconds')`

const field = (name: string, since: number, sql: Field['sql'] = `n.${name}`): Field => ({ name, since, sql })

export const NODE_FIELDS: readonly Field[] = [
  field('uuid', 1),
  field('created_at', 1),
  field('updated_at', 1),
  field('console_enabled', 1, flag('n.console_enabled')),
  field('driver', 1),
  field('driver_info', 1, masked('n.driver_info')),
  field('extra', 1, json('n.extra')),
  field('instance_info', 1, masked('n.instance_info', ['configdrive', 'image_url'])),
  field('instance_uuid', 1),
  field('last_error', 1),
  field('maintenance', 1, flag('n.maintenance')),
  field('maintenance_reason', 1),
  field('power_state', 1),
  field('properties', 1, json('n.properties')),
  field('provision_state', 1, state('n.provision_state')),
  field('provision_updated_at', 1),
  field('reservation', 1),
  field('target_power_state', 1),
  field('target_provision_state', 1, state('n.target_provision_state')),
  field('chassis_uuid', 1),
  field('links', 1, links('nodes', 'n.uuid')),
  field('ports', 1, links('nodes', 'n.uuid', 'ports')),
  field('driver_internal_info', 3, masked('n.driver_internal_info')),
  field('name', 5),
  field('inspection_started_at', 6),
  field('inspection_finished_at', 6),
  field('clean_step', 7, json('n.clean_step')),
  field('raid_config', 12, json('n.raid_config')),
  field('target_raid_config', 12, json('n.target_raid_config')),
  field('states', 14, links('nodes', 'n.uuid', 'states')),
  field('resource_class', 21),
  field('portgroups', 24, links('nodes', 'n.uuid', 'portgroups')),
  ...Object.entries(INTERFACES).map(([name, since]) =>
    field(`${name}_interface`, since, `n.interfaces ->> '$.${name}'`),
  ),
  field('volume', 32, links('nodes', 'n.uuid', 'volume')),
  field('traits', 37, json(`'[]'`)),
  field('fault', 42),
  field('deploy_step', 44, json('n.deploy_step')),
  field('conductor_group', 46, 's.name'),
  field('automated_clean', 47, flag('n.automated_clean')),
  field('protected', 48, flag('n.protected')),
  field('protected_reason', 48),
  field('conductor', 49, 'c.hostname'),
  field('owner', 50),
  field('description', 51),
  field('allocation_uuid', 52, 'NULL'),
  field('retired', 61, flag('n.retired')),
  field('retired_reason', 61),
  field('lessee', 65),
  field('network_data', 66, json('n.network_data')),
  field('boot_mode', 75),
  field('secure_boot', 75, flag('n.secure_boot')),
  field('shard', 82, 'NULL'),
  field('parent_node', 83, 'NULL'),
  field('service_step', 87, json('n.service_step')),
  field('disable_power_off', 95, json(`'false'`)),
  field('instance_name', 104, 'NULL'),
  field('health', 109, 'NULL'),
  // Since when its site is offline, so that what is shown may be out of date.
  { ...field('stale_since', 8), native: true },
  // By when it should have left its state, and whether it has not: nobody has to watch a clock.
  { ...field('expected_at', 8, EXPECTED_AT), native: true },
  { ...field('overdue', 8, flag(`coalesce(julianday(${EXPECTED_AT}) < julianday('now'), 0)`)), native: true },
]

/** What a list shows when nobody says which fields. */
export const BRIEF_NODE = ['instance_uuid', 'links', 'maintenance', 'name', 'power_state', 'provision_state', 'uuid']

/** `GET /v1/nodes/{id}/states`. */
export const STATES_FIELDS: readonly Field[] = [
  'console_enabled',
  'last_error',
  'power_state',
  'provision_state',
  'target_power_state',
  'target_provision_state',
  'provision_updated_at',
  'raid_config',
  'target_raid_config',
  'boot_mode',
  'secure_boot',
].map((name) => NODE_FIELDS.find((f) => f.name === name)!)

/** Columns that a list may be sorted by. */
export const NODE_SORT: Readonly<Record<string, string>> = Object.fromEntries([
  ...NODE_FIELDS.filter(
    (f) =>
      f.sql === `n.${f.name}` ||
      /^(maintenance|protected|retired|automated_clean|console_enabled|secure_boot)$/.test(f.name),
  ).map((f) => [f.name, `n.${f.name}`] as const),
  ['provision_state', 'n.provision_state'],
  ['target_provision_state', 'n.target_provision_state'],
  ['id', 'n.id'],
])
