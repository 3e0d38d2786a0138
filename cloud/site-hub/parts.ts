// What a step found out about a node's parts: rows of their own for BIOS settings and firmware, blobs for what inspection found. Conductors say them
// as facts: bios_settings and firmware_components (all of them, as they are now), inventory with plugin_data.
import { z } from 'zod'
import { inventories } from '../schema/organisation-resources.ts'
import { select, type NodeRow } from '../schema/rows.ts'
import { StoredDocument } from './documents.ts'
import type { Turn } from './turn.ts'

const text = z.union([z.string(), z.number(), z.boolean()]).transform(String)
const BiosSettings = z.array(z.looseObject({ name: z.string().max(255), value: text.nullable() })).max(2000)
const FirmwareComponents = z
  .array(
    z.object({
      component: z.string().max(255),
      initial_version: z.string().max(255),
      current_version: z.string().max(255).nullish(),
      last_version_flashed: z.string().max(255).nullish(),
      vendor: z.string().max(255).nullish(),
      model: z.string().max(255).nullish(),
      serial_number: z.string().max(255).nullish(),
    }),
  )
  .max(500)

/** What does not parse is left: a conductor that says nonsense changes nothing. */
export async function takeParts(turn: Turn, node: NodeRow, facts: Record<string, unknown>): Promise<void> {
  const bios = BiosSettings.safeParse(facts['bios_settings'])
  if (bios.success) takeBios(turn, node.uuid, bios.data)
  const firmware = FirmwareComponents.safeParse(facts['firmware_components'])
  if (firmware.success) takeFirmware(turn, node.uuid, firmware.data)
  const { inventory, plugin_data: plugin } = facts
  if (inventory instanceof StoredDocument)
    await takeInventory(turn, node.uuid, inventory, plugin instanceof StoredDocument ? plugin : null)
}

/** Rows that were there keep when they were made, and are updated when they differ. One statement, however many there are. */
function takeBios(turn: Turn, node: string, settings: z.output<typeof BiosSettings>): void {
  keepOnly(
    turn,
    'bios_settings',
    'name',
    node,
    settings.map(({ name }) => name),
  )
  const rows = settings.map(({ name, value, ...facts }) => ({ name, value, facts }))
  turn.write({
    sql:
      "INSERT INTO bios_settings (node, name, value, facts, created_at) SELECT ?1, value ->> '$.name', value ->> '$.value'," +
      " value -> '$.facts', ?2 FROM json_each(?3) WHERE true ON CONFLICT (node, name) DO UPDATE SET value = excluded.value," +
      ' facts = excluded.facts, updated_at = ?2 WHERE value IS NOT excluded.value OR facts IS NOT excluded.facts',
    args: [node, turn.time, JSON.stringify(rows)],
  })
}

const FIRMWARE = [
  'component',
  'initial_version',
  'current_version',
  'last_version_flashed',
  'vendor',
  'model',
  'serial_number',
]

function takeFirmware(turn: Turn, node: string, components: z.output<typeof FirmwareComponents>): void {
  keepOnly(
    turn,
    'firmware_components',
    'component',
    node,
    components.map(({ component }) => component),
  )
  const found = FIRMWARE.map((column) => `value ->> '$.${column}'`).join(', ')
  const set = FIRMWARE.slice(2)
    .map((column) => `${column} = excluded.${column}`)
    .join(', ')
  const differs = FIRMWARE.slice(2)
    .map((column) => `${column} IS NOT excluded.${column}`)
    .join(' OR ')
  turn.write({
    sql:
      `INSERT INTO firmware_components (node, ${FIRMWARE.join(', ')}, created_at) SELECT ?1, ${found}, ?2 FROM json_each(?3) WHERE true` +
      ` ON CONFLICT (node, component) DO UPDATE SET ${set}, updated_at = ?2 WHERE ${differs}`,
    args: [node, turn.time, JSON.stringify(components)],
  })
}

function keepOnly(turn: Turn, table: string, column: string, node: string, names: readonly string[]): void {
  const sql = `DELETE FROM ${table} WHERE node = ?1 AND ${column} NOT IN (SELECT value FROM json_each(?2))`
  turn.write({ sql, args: [node, JSON.stringify(names)] })
}

/** The documents are in place already; those of the inspection before go when nothing names them any more. */
async function takeInventory(
  turn: Turn,
  node: string,
  found: StoredDocument,
  more: StoredDocument | null,
): Promise<void> {
  await dropDocuments(turn, node)
  turn.write({
    sql:
      'INSERT INTO inventories (node, inventory_blob, plugin_data_blob, created_at) VALUES (?1, ?2, ?3, ?4)' +
      ' ON CONFLICT (node) DO UPDATE SET inventory_blob = ?2, plugin_data_blob = ?3, updated_at = ?4',
    args: [node, found.key, more?.key ?? null, turn.time],
  })
  const row = { node, inventory_blob: found.key, plugin_data_blob: more?.key ?? null }
  turn.changed(inventories).set(node, { ...row, created_at: turn.time, updated_at: turn.time })
  for (const document of [found, more]) if (document) turn.after(() => void (document.isNamed = true))
}

/** Deletes what an inspection of the node found, once that is durable. */
export async function dropDocuments(turn: Turn, node: string): Promise<void> {
  const drafted = turn.changed(inventories).get(node)
  const row = drafted ?? (await select(turn.sql, inventories, 'node = ?', [node]))[0]
  for (const key of [row?.inventory_blob, row?.plugin_data_blob])
    if (key) turn.after(() => void turn.blobs.delete(key).catch(() => undefined))
}
