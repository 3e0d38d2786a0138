// Tables of an organisation's database. Column names are Ironic's wire names where it has them, so that rows become answers in SQL.
// Times are ISO 8601 text with +00:00 as on the wire, except *_ms columns. `json` columns hold JSON text.
import { sql } from 'drizzle-orm'
import { index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'

const json = (name: string) => text(name, { mode: 'json' })
const flag = (name: string) => integer(name, { mode: 'boolean' })

/** A place with conductors: unit of hub and ring. Its name is Ironic's conductor group. */
export const sites = sqliteTable('sites', {
  id: text('id').primaryKey(),
  name: text('name').notNull().unique(),
  description: text('description'),
  /** X25519 public half of the site key, and the site's certificate authority; null until a conductor enrolled. */
  public_key: text('public_key'),
  ca: text('ca'),
  /** Boot addresses: {cidr, first, last, router?, dns?}; null: nodes are not booted by address from here. */
  pool: json('pool'),
  lease_ms: integer('lease_ms').notNull().default(15_000),
  /** How long a conductor that is away may go on with a task (ownership.md rule 10). Null: 45 min while it is the only one, else 0. */
  tenure_ms: integer('tenure_ms'),
  /** Do nodes keep their agent between a cleaning and what follows, unless they say otherwise (driver_info.fast_track)? */
  fast_track: flag('fast_track').notNull().default(false),
  /** Are nodes whose own automated_clean is null cleaned before they become available? */
  automated_clean: flag('automated_clean').notNull().default(true),
  /** By the kind of work, how long its agent is waited for, 0 for as long as it takes; a kind that is missing has 1800 s. */
  callback_timeouts_s: json('callback_timeouts_s').notNull().default({}),
  /** A machine whose agent has not called for so long is booted again. Null: it is not. */
  boot_retry_s: integer('boot_retry_s'),
  /** Is a machine switched off whose cleaning step has failed, and one whose deployment has? */
  poweroff_in_cleanfail: flag('poweroff_in_cleanfail').notNull().default(false),
  power_off_after_deploy_failure: flag('power_off_after_deploy_failure').notNull().default(true),
  /** Nodes that may be deployed, and cleaned, at once. */
  max_concurrent_deploy: integer('max_concurrent_deploy').notNull().default(250),
  max_concurrent_clean: integer('max_concurrent_clean').notNull().default(50),
  /** Since when no conductor of the site has had a lease; null while one has. */
  offline_since: text('offline_since'),
  /** Numbers sessions and moves (ownership.md rule 3). */
  counter: integer('counter').notNull().default(0),
  /** Number of the hub that may write; every batch is guarded by it. */
  hub_no: integer('hub_no').notNull().default(0),
  ring_version: integer('ring_version').notNull().default(0),
  /** Id of the last turn that was committed: tells whether a commit without an answer happened. */
  last_turn: text('last_turn'),
  created_at: text('created_at').notNull(),
  updated_at: text('updated_at'),
})

export const conductors = sqliteTable(
  'conductors',
  {
    id: text('id').primaryKey(),
    site: text('site').notNull(),
    hostname: text('hostname').notNull(),
    identity_key: text('identity_key').notNull(),
    box_key: text('box_key').notNull(),
    labels: json('labels').notNull().default({}),
    weight: integer('weight').notNull().default(1),
    /** A person wants it to give its nodes away: it gets no more, and its tasks end first. */
    draining: flag('draining').notNull().default(false),
    version: text('version'),
    drivers: json('drivers').notNull().default([]),
    incarnation: text('incarnation'),
    /** Its present or last session's number; 0 before the first. */
    session: integer('session').notNull().default(0),
    /** Its lease was promised until here at most (ms since 1970). Null: it has none. */
    horizon_ms: integer('horizon_ms'),
    /** Names the lock on the journal that its present run holds, as its hello said it. Null: it did not say. */
    lock: text('lock'),
    /** Until then an earlier run of it may act, which cannot be known to be dead: this one is granted nothing (ms since 1970). */
    held_ms: integer('held_ms'),
    /** Runs that later ones replaced, newest last, and the upgrades of the last minutes as [run, signed at]: bounded. */
    replaced: json('replaced').notNull().default([]),
    upgrades: json('upgrades').notNull().default([]),
    revoked_at: text('revoked_at'),
    created_at: text('created_at').notNull(),
    updated_at: text('updated_at'),
  },
  (table) => [uniqueIndex('conductors_hostname').on(table.site, table.hostname)],
)

/** Columns of nodes that many have nothing in, and that lists are filtered by. */
const GIVEN = ['lessee', 'chassis_uuid', 'parent_node', 'instance_name', 'fault'] as const
/** And these by all, so that lists come in their order, whoever has none of it. */
const ORDERS = ['driver', 'resource_class', 'owner', 'power_state', 'maintenance', 'updated_at'] as const

export const nodes = sqliteTable(
  'nodes',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    uuid: text('uuid').notNull().unique(),
    name: text('name').unique(),
    site: text('site').notNull(),
    driver: text('driver').notNull(),
    /** {power: 'ipmitool', …}: shown as power_interface, … */
    interfaces: json('interfaces').notNull().default({}),
    /** Secret fields hold ****** here; their sealed values are in `secrets` under 'driver_info.<field>'. */
    driver_info: json('driver_info').notNull().default({}),
    secrets: json('secrets').notNull().default({}),
    properties: json('properties').notNull().default({}),
    extra: json('extra').notNull().default({}),
    instance_info: json('instance_info').notNull().default({}),
    instance_uuid: text('instance_uuid').unique(),
    driver_internal_info: json('driver_internal_info').notNull().default({}),
    resource_class: text('resource_class'),
    owner: text('owner'),
    lessee: text('lessee'),
    description: text('description'),
    chassis_uuid: text('chassis_uuid'),
    network_data: json('network_data').notNull().default({}),
    automated_clean: flag('automated_clean'),
    protected: flag('protected').notNull().default(false),
    protected_reason: text('protected_reason'),
    retired: flag('retired').notNull().default(false),
    retired_reason: text('retired_reason'),
    console_enabled: flag('console_enabled').notNull().default(false),
    boot_mode: text('boot_mode'),
    secure_boot: flag('secure_boot'),
    provision_state: text('provision_state').notNull(),
    target_provision_state: text('target_provision_state'),
    provision_updated_at: text('provision_updated_at'),
    power_state: text('power_state'),
    target_power_state: text('target_power_state'),
    last_error: text('last_error'),
    /** The fault behind last_error: {code, message, hint}. */
    last_fault: json('last_fault'),
    maintenance: flag('maintenance').notNull().default(false),
    maintenance_reason: text('maintenance_reason'),
    fault: text('fault'),
    deploy_step: json('deploy_step').notNull().default({}),
    clean_step: json('clean_step').notNull().default({}),
    service_step: json('service_step').notNull().default({}),
    raid_config: json('raid_config').notNull().default({}),
    target_raid_config: json('target_raid_config').notNull().default({}),
    shard: text('shard'),
    parent_node: text('parent_node'),
    disable_power_off: flag('disable_power_off').notNull().default(false),
    instance_name: text('instance_name'),
    health: text('health'),
    allocation: text('allocation'),
    inspection_started_at: text('inspection_started_at'),
    inspection_finished_at: text('inspection_finished_at'),
    /** The active task; while set the node is reserved. */
    task: text('task'),
    /** Hostname of the conductor that the active task was given to, as Ironic shows it. */
    reservation: text('reservation'),
    /** Owner on the ring (conductor id) and the number of the move that gave it. */
    conductor: text('conductor'),
    moved: integer('moved').notNull().default(0),
    /** Until when the owner may act by the tenure of a task that has ended (ms since 1970). */
    promised_ms: integer('promised_ms'),
    /** Why no conductor is granted it, where that is for what its row says. */
    withheld: text('withheld'),
    /** Grows whenever something in the grant changes. */
    spec_version: integer('spec_version').notNull().default(1),
    /** Boot address out of the site's pool. */
    boot_ip: text('boot_ip'),
    /** The BMC session in which something may have been changed last: whoever is next closes it first (ownership.md rule 6). */
    bmc_session: text('bmc_session'),
    /** Counts tasks: their total order on this node. */
    nseq: integer('nseq').notNull().default(0),
    stale_since: text('stale_since'),
    version: integer('version').notNull().default(1),
    created_at: text('created_at').notNull(),
    updated_at: text('updated_at'),
  },
  (table) => [
    index('nodes_site').on(table.site),
    index('nodes_conductor').on(table.conductor),
    index('nodes_provision_state').on(table.provision_state),
    // What lists are filtered by. A node that has none of it is in no such index.
    ...ORDERS.map((name) => index(`nodes_${name}`).on(table[name])),
    ...GIVEN.map((name) =>
      index(`nodes_${name}`)
        .on(table[name])
        .where(sql.raw(`${name} IS NOT NULL`)),
    ),
    index('nodes_shard')
      .on(sql`lower(${table.shard})`)
      .where(sql.raw('shard IS NOT NULL')),
    index('nodes_retired').on(table.retired).where(sql.raw('retired = 1')),
    uniqueIndex('nodes_boot_ip').on(table.site, table.boot_ip),
  ],
)

export const ports = sqliteTable(
  'ports',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    uuid: text('uuid').notNull().unique(),
    name: text('name').unique(),
    node: text('node').notNull(),
    site: text('site').notNull(),
    address: text('address').notNull().unique(),
    pxe_enabled: flag('pxe_enabled').notNull().default(true),
    portgroup: text('portgroup'),
    vendor: text('vendor'),
    category: text('category'),
    available_for_dynamic_portgroup: flag('available_for_dynamic_portgroup').notNull().default(false),
    extra: json('extra').notNull().default({}),
    internal_info: json('internal_info').notNull().default({}),
    local_link_connection: json('local_link_connection').notNull().default({}),
    physical_network: text('physical_network'),
    is_smartnic: flag('is_smartnic').notNull().default(false),
    description: text('description'),
    created_at: text('created_at').notNull(),
    updated_at: text('updated_at'),
  },
  (table) => [index('ports_node').on(table.node)],
)

/** Work on one node. `state`: open, then done, failed or cancelled. */
export const tasks = sqliteTable(
  'tasks',
  {
    id: text('id').primaryKey(),
    site: text('site').notNull(),
    node: text('node').notNull(),
    nseq: integer('nseq').notNull(),
    kind: text('kind').notNull(),
    state: text('state').notNull(),
    conductor: text('conductor'),
    steps: json('steps').notNull(),
    /** Whatever a successor needs; secrets inside are sealed to the site. */
    context: json('context').notNull().default({}),
    /** Steps that are finished, and the number of the last event that was taken. */
    done_steps: integer('done_steps').notNull().default(0),
    last_event: integer('last_event').notNull().default(0),
    /** The outstanding write-ahead intent: {step, epoch, rid, bmcSession?}. */
    intent: json('intent'),
    cancel: flag('cancel').notNull().default(false),
    fault: json('fault'),
    tenure_ms: integer('tenure_ms'),
    deadline_ms: integer('deadline_ms').notNull(),
    request_id: text('request_id'),
    actor: text('actor'),
    created_at: text('created_at').notNull(),
    started_at: text('started_at'),
    finished_at: text('finished_at'),
  },
  (table) => [index('tasks_open').on(table.site, table.state), index('tasks_node').on(table.node, table.nseq)],
)

/** The ordered log behind history, streams and webhooks. Written in the same batch as the change it tells of. */
export const events = sqliteTable(
  'events',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    at: text('at').notNull(),
    site: text('site').notNull(),
    node: text('node'),
    task: text('task'),
    type: text('type').notNull(),
    body: json('body').notNull().default({}),
    actor: text('actor'),
    request_id: text('request_id'),
  },
  (table) => [index('events_node').on(table.node, table.id)],
)

/** A node's timeline: boot stages, steps, progress. */
export const notes = sqliteTable(
  'notes',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    node: text('node').notNull(),
    task: text('task'),
    at: text('at').notNull(),
    stage: text('stage').notNull(),
    body: json('body').notNull().default({}),
  },
  (table) => [index('notes_node').on(table.node, table.id)],
)

/** Who did what, and what was refused. Append-only. */
export const audit = sqliteTable('audit', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  at: text('at').notNull(),
  actor: text('actor'),
  action: text('action').notNull(),
  target: text('target'),
  outcome: text('outcome').notNull(),
  body: json('body').notNull().default({}),
  request_id: text('request_id'),
})
