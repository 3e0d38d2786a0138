// The fields of a node: wire name, the microversion that shows it, and the SQL that gives it. Every answer about nodes comes from
// this one table. 1. The column `secrets` is never named here. 2. What may hold a secret goes through `masked`.
import { STATES } from '../../../shared/states.ts'
import { fieldsOf, flag as flagOf, json, NOW, sortOf, type Field } from '../../store/json-sql.ts'
import { masked, maskedSteps } from '../../store/masked-sql.ts'

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

// Below 1.2 "available" was null; below 1.39 "inspect wait" was part of "inspecting".
const state = (column: string) => (version: number) => {
  if (version < 2) return `nullif(iif(${column} = 'inspect wait', 'inspecting', ${column}), 'available')`
  return version < 39 ? `iif(${column} = 'inspect wait', 'inspecting', ${column})` : column
}

/** The states that a request of this version, 1.2 or later, sees under that name. */
export function provisionStatesShownAs(name: string, version: number): string[] {
  if (version >= 39) return [name]
  if (name === 'inspecting') return ['inspecting', 'inspect wait']
  return name === 'inspect wait' ? [] : [name]
}

const { column, flag, json: jsonField, links, common } = fieldsOf('n')
/** What is no column of its name. */
const made = (name: string, since: number, sql: Field['sql'], sort?: string): Field =>
  sort === undefined ? { name, since, sql } : { name, since, sql, sort }

const TRAITS = `(SELECT json_group_array(trait) FROM (SELECT trait FROM node_traits WHERE node = n.uuid ORDER BY trait))`

const EXPECTED_S = Object.entries(STATES).flatMap(([name, facts]) =>
  'expectedS' in facts ? [`WHEN '${name}' THEN ${facts.expectedS}`] : [],
)
const EXPECTED_AT = `strftime('%Y-%m-%dT%H:%M:%f+00:00', n.provision_updated_at, '+' || CASE n.provision_state ${EXPECTED_S.join(' ')} END || ' seconds')`

export const NODE_FIELDS: readonly Field[] = [
  ...common('nodes', 1),
  flag('console_enabled', 1),
  column('driver', 1),
  made('driver_info', 1, masked('n.driver_info')),
  jsonField('extra', 1),
  made('instance_info', 1, masked('n.instance_info', ['configdrive', 'image_url'])),
  column('instance_uuid', 1),
  column('last_error', 1),
  flag('maintenance', 1),
  column('maintenance_reason', 1),
  column('power_state', 1),
  jsonField('properties', 1),
  made('provision_state', 1, state('n.provision_state'), 'n.provision_state'),
  column('provision_updated_at', 1),
  column('reservation', 1),
  column('target_power_state', 1),
  made('target_provision_state', 1, state('n.target_provision_state'), 'n.target_provision_state'),
  column('chassis_uuid', 1),
  links('nodes', 1, 'ports', 'ports'),
  made('driver_internal_info', 3, maskedSteps('n.driver_internal_info')),
  column('name', 5),
  column('inspection_started_at', 6),
  column('inspection_finished_at', 6),
  made('clean_step', 7, maskedSteps('n.clean_step')),
  jsonField('raid_config', 12),
  jsonField('target_raid_config', 12),
  links('nodes', 14, 'states', 'states'),
  column('resource_class', 21),
  links('nodes', 24, 'portgroups', 'portgroups'),
  ...Object.entries(INTERFACES).map(([name, since]) => {
    const sql = `n.interfaces ->> '$.${name}'`
    return made(`${name}_interface`, since, sql, sql)
  }),
  links('nodes', 32, 'volume', 'volume'),
  made('traits', 37, json(TRAITS)),
  column('fault', 42),
  made('deploy_step', 44, maskedSteps('n.deploy_step')),
  made('conductor_group', 46, 's.name', 's.name'),
  flag('automated_clean', 47),
  flag('protected', 48),
  column('protected_reason', 48),
  made('conductor', 49, 'c.hostname'),
  column('owner', 50),
  column('description', 51),
  column('allocation_uuid', 52, 'allocation'),
  flag('retired', 61),
  column('retired_reason', 61),
  column('lessee', 65),
  jsonField('network_data', 66),
  column('boot_mode', 75),
  flag('secure_boot', 75),
  column('shard', 82),
  column('parent_node', 83),
  made('service_step', 87, maskedSteps('n.service_step')),
  flag('disable_power_off', 95),
  column('instance_name', 104),
  column('health', 109),
  // Since when its site is offline, so that what is shown may be out of date.
  { ...column('stale_since', 8), native: true },
  // By when it should have left its state, and whether it has not: nobody has to watch a clock.
  { name: 'expected_at', since: 8, sql: EXPECTED_AT, native: true },
  {
    name: 'overdue',
    since: 8,
    sql: flagOf(`coalesce(julianday(${EXPECTED_AT}) < ${NOW}, 0)`),
    native: true,
  },
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

export const NODE_SORT = sortOf(NODE_FIELDS, 'n.id')
