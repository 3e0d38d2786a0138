// What is known of a node's parts, from rows that its conductor's reports made: BIOS settings, firmware, inventory; and what its RAID is to be like.
import { z } from 'zod'
import { FaultError } from '../../../shared/faults.ts'
import { check, readBody } from '../body.ts'
import { empty, json, links, type Answer, type Call, type Route } from '../call.ts'
import { need } from '../microversion.ts'
import { boolean, invalid, names, readQuery } from '../query.ts'
import { command, findNode } from './find.ts'
import { RaidConfig } from './raid.ts'

const BIOS_FACTS = [
  'attribute_type',
  'allowable_values',
  'lower_bound',
  'max_length',
  'min_length',
  'read_only',
  'reset_required',
  'unique',
  'upper_bound',
]
const BIOS_BRIEF = ['name', 'value', 'created_at', 'updated_at']

type Setting = Record<string, unknown>

async function settingsOf(call: Call, node: string): Promise<Setting[]> {
  const sql = 'SELECT name, value, facts, created_at, updated_at FROM bios_settings WHERE node = ? ORDER BY name'
  const rows = await call.sql.all(sql, [node])
  return rows.map(([name, value, facts, created_at, updated_at]) => {
    const known = JSON.parse(String(facts)) as Record<string, unknown>
    const more = Object.fromEntries(BIOS_FACTS.map((fact) => [fact, known[fact] ?? null]))
    const at = `nodes/${call.params['ident']!}/bios/${encodeURIComponent(String(name))}`
    return { name, value, created_at, updated_at, ...more, links: links(call.base, at) }
  })
}

async function getBios(call: Call): Promise<Answer> {
  const query = readQuery(call.search, ['detail', 'fields'])
  const [detail, fields] = [query.get('detail'), query.get('fields')]
  if (query.size > 0) need(call.version, 74, 'The argument')
  const isDetailed = detail !== undefined && boolean(detail, 'detail')
  if (isDetailed && fields !== undefined) throw invalid('Fields and detail exclude each other')
  const asked = fields === undefined ? undefined : names(fields)
  const unknown = asked?.filter((name) => ![...BIOS_BRIEF, ...BIOS_FACTS, 'links'].includes(name)) ?? []
  if (unknown.length > 0) throw invalid(`Unknown fields: ${unknown.join(', ')}`)
  const shown = [...(asked ?? [...BIOS_BRIEF, ...(isDetailed ? BIOS_FACTS : [])]), 'links']
  const { uuid } = await findNode(call, call.params['ident']!)
  const settings = await settingsOf(call, uuid)
  return json({ bios: settings.map((setting) => pick(setting, shown)) })
}

async function getSetting(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const { uuid } = await findNode(call, call.params['ident']!)
  const name = call.params['setting']!
  const setting = (await settingsOf(call, uuid)).find((each) => each['name'] === name)
  if (!setting) throw new FaultError('not_found', `Node ${uuid} doesn't have a BIOS setting '${name}'`)
  return json({ [name]: call.version < 74 ? pick(setting, [...BIOS_BRIEF, 'links']) : setting })
}

function pick(from: Setting, keys: readonly string[]): Setting {
  return Object.fromEntries(keys.map((key) => [key, from[key] ?? null]))
}

const FIRMWARE = ['component', 'initial_version', 'current_version', 'last_version_flashed', 'created_at', 'updated_at']
/** Since 1.114. */
const FIRMWARE_LATER = ['vendor', 'model', 'serial_number']

async function getFirmware(call: Call): Promise<Answer> {
  const fields = readQuery(call.search, ['fields']).get('fields')
  const all = [...FIRMWARE, ...FIRMWARE_LATER]
  const asked = names(fields ?? '')
  const unknown = asked.filter((name) => !all.includes(name))
  if (unknown.length > 0) throw invalid(`Unknown fields: ${unknown.join(', ')}`)
  for (const name of asked) if (FIRMWARE_LATER.includes(name)) need(call.version, 114, `The field ${name}`)
  const shown = asked.length > 0 ? asked : call.version < 114 ? FIRMWARE : all
  const { uuid } = await findNode(call, call.params['ident']!)
  const sql = `SELECT ${shown.join(', ')} FROM firmware_components WHERE node = ? ORDER BY component`
  const rows = await call.sql.all(sql, [uuid])
  return json({ firmware: rows.map((row) => Object.fromEntries(shown.map((name, i) => [name, row[i] ?? null]))) })
}

async function getInventory(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const { uuid } = await findNode(call, call.params['ident']!)
  const [row] = await call.sql.all('SELECT inventory_blob, plugin_data_blob FROM inventories WHERE node = ?', [uuid])
  const [inventory, plugin] = await Promise.all((row ?? []).map((key) => documentOf(call, key)))
  if (inventory === undefined) throw new FaultError('not_found', `Node ${uuid} has no inventory: it was not inspected.`)
  return json({ inventory, plugin_data: plugin ?? {} })
}

async function documentOf(call: Call, key: unknown): Promise<unknown> {
  const blob = typeof key === 'string' ? await call.ports.blobs.get(key) : null
  return blob === null ? undefined : (JSON.parse(new TextDecoder().decode(blob)) as unknown)
}

const RaidBody = z.record(z.string(), z.unknown())

async function setRaid(call: Call): Promise<Answer> {
  need(call.version, 12, 'The RAID configuration')
  readQuery(call.search, [])
  const body = await readBody(call.request, RaidBody)
  const target = Object.keys(body).length === 0 ? {} : check(RaidConfig, body)
  const node = await findNode(call, call.params['ident']!)
  await command(call, node.site, { kind: 'node.raid', node: node.uuid, target })
  return empty(204)
}

const fieldsIn = (names: readonly string[]) => ({
  about: 'Which fields, separated by commas',
  schema: { type: 'array', minItems: 1, items: { enum: names } },
})
const NODE = '/v1/nodes/:ident'

export const partRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${NODE}/bios`,
    since: 40,
    about: 'BIOS settings of the node, as its driver saw them last',
    query: { detail: 'With what is known of each', fields: fieldsIn([...BIOS_BRIEF, ...BIOS_FACTS, 'links']) },
    run: getBios,
  },
  { method: 'GET', path: `${NODE}/bios/:setting`, since: 40, about: 'One BIOS setting of the node', run: getSetting },
  {
    method: 'GET',
    path: `${NODE}/firmware`,
    since: 86,
    about: 'Firmware of the node’s components',
    query: { fields: fieldsIn([...FIRMWARE, ...FIRMWARE_LATER]) },
    run: getFirmware,
  },
  { method: 'GET', path: `${NODE}/inventory`, since: 81, about: 'What inspection found', run: getInventory },
  {
    method: 'PUT',
    path: `${NODE}/states/raid`,
    about: 'What the RAID is to be made like by the steps of the interface raid; {} clears it',
    body: z.union([RaidConfig, z.strictObject({})]),
    ok: 204,
    run: setRaid,
  },
]
