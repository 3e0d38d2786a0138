// Tables of an organisation's database for what stands beside nodes and ports: Ironic's other resources, and what is known of a node's
// parts. Column names are Ironic's wire names, as in organisation.ts.
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'

const json = (name: string) => text(name, { mode: 'json' })
const flag = (name: string) => integer(name, { mode: 'boolean' })
const numbered = () => integer('id').primaryKey({ autoIncrement: true })
const times = () => ({ created_at: text('created_at').notNull(), updated_at: text('updated_at') })
/** What every resource of its own has. */
const resource = () => ({ id: numbered(), uuid: text('uuid').notNull().unique() })

export const chassis = sqliteTable('chassis', {
  ...resource(),
  description: text('description'),
  extra: json('extra').notNull().default({}),
  ...times(),
})

export const portgroups = sqliteTable(
  'portgroups',
  {
    ...resource(),
    name: text('name').unique(),
    node: text('node').notNull(),
    site: text('site').notNull(),
    address: text('address').unique(),
    mode: text('mode').notNull().default('active-backup'),
    properties: json('properties').notNull().default({}),
    standalone_ports_supported: flag('standalone_ports_supported').notNull().default(true),
    physical_network: text('physical_network'),
    category: text('category'),
    dynamic_portgroup: flag('dynamic_portgroup').notNull().default(false),
    extra: json('extra').notNull().default({}),
    internal_info: json('internal_info').notNull().default({}),
    ...times(),
  },
  (table) => [index('portgroups_node').on(table.node)],
)

export const volumeConnectors = sqliteTable(
  'volume_connectors',
  {
    ...resource(),
    node: text('node').notNull(),
    site: text('site').notNull(),
    type: text('type').notNull(),
    connector_id: text('connector_id').notNull(),
    extra: json('extra').notNull().default({}),
    ...times(),
  },
  (table) => [
    uniqueIndex('volume_connectors_identity').on(table.type, table.connector_id),
    index('volume_connectors_node').on(table.node),
  ],
)

export const volumeTargets = sqliteTable(
  'volume_targets',
  {
    ...resource(),
    node: text('node').notNull(),
    site: text('site').notNull(),
    volume_type: text('volume_type').notNull(),
    volume_id: text('volume_id').notNull(),
    boot_index: integer('boot_index').notNull(),
    /** Secret keys hold ****** here; their sealed values are in `secrets`. */
    properties: json('properties').notNull().default({}),
    secrets: json('secrets').notNull().default({}),
    extra: json('extra').notNull().default({}),
    ...times(),
  },
  (table) => [uniqueIndex('volume_targets_boot_index').on(table.node, table.boot_index)],
)

/** `state`: allocating, then active or error. */
export const allocations = sqliteTable(
  'allocations',
  {
    ...resource(),
    name: text('name').unique(),
    node: text('node'),
    state: text('state').notNull(),
    last_error: text('last_error'),
    resource_class: text('resource_class'),
    traits: json('traits').notNull().default([]),
    candidate_nodes: json('candidate_nodes').notNull().default([]),
    extra: json('extra').notNull().default({}),
    owner: text('owner'),
    ...times(),
  },
  (table) => [index('allocations_node').on(table.node)],
)

export const deployTemplates = sqliteTable('deploy_templates', {
  ...resource(),
  name: text('name').notNull().unique(),
  steps: json('steps').notNull().default([]),
  extra: json('extra').notNull().default({}),
  ...times(),
})

export const runbooks = sqliteTable('runbooks', {
  ...resource(),
  name: text('name').notNull().unique(),
  steps: json('steps').notNull().default([]),
  disable_ramdisk: flag('disable_ramdisk').notNull().default(false),
  public: flag('public').notNull().default(false),
  owner: text('owner'),
  description: text('description'),
  traits: json('traits').notNull().default([]),
  extra: json('extra').notNull().default({}),
  ...times(),
})

export const inspectionRules = sqliteTable('inspection_rules', {
  ...resource(),
  description: text('description'),
  priority: integer('priority').notNull().default(0),
  phase: text('phase').notNull().default('main'),
  sensitive: flag('sensitive').notNull().default(false),
  conditions: json('conditions').notNull().default([]),
  actions: json('actions').notNull().default([]),
  ...times(),
})

export const nodeTraits = sqliteTable(
  'node_traits',
  { node: text('node').notNull(), trait: text('trait').notNull() },
  (table) => [primaryKey({ columns: [table.node, table.trait] }), index('node_traits_trait').on(table.trait)],
)

/** As the driver's BIOS interface reported them last; `facts`: attribute_type, allowable_values, lower_bound, … */
export const biosSettings = sqliteTable(
  'bios_settings',
  {
    node: text('node').notNull(),
    name: text('name').notNull(),
    value: text('value'),
    facts: json('facts').notNull().default({}),
    ...times(),
  },
  (table) => [primaryKey({ columns: [table.node, table.name] })],
)

export const firmwareComponents = sqliteTable(
  'firmware_components',
  {
    node: text('node').notNull(),
    component: text('component').notNull(),
    initial_version: text('initial_version').notNull(),
    current_version: text('current_version'),
    last_version_flashed: text('last_version_flashed'),
    vendor: text('vendor'),
    model: text('model'),
    serial_number: text('serial_number'),
    ...times(),
  },
  (table) => [primaryKey({ columns: [table.node, table.component] })],
)

/** What inspection found; the documents are blobs. */
export const inventories = sqliteTable('inventories', {
  node: text('node').primaryKey(),
  inventory_blob: text('inventory_blob').notNull(),
  plugin_data_blob: text('plugin_data_blob'),
  ...times(),
})

/** Requests with an Idempotency-Key, kept 24 h: `status` is null while the first one is under way. */
export const idempotencyKeys = sqliteTable(
  'idempotency_keys',
  {
    principal: text('principal').notNull(),
    key: text('key').notNull(),
    route: text('route').notNull(),
    body_hash: text('body_hash').notNull(),
    status: integer('status'),
    headers: json('headers'),
    body: text('body'),
    at_ms: integer('at_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.principal, table.key] }), index('idempotency_keys_at').on(table.at_ms)],
)
