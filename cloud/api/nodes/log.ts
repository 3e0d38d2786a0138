// What happened to a node: its timeline (events and notes by time, ours) and its history (Ironic's view of the same events).
import { FaultError } from '../../../shared/faults.ts'
import { shownArgs, sortOf, links, type Field } from '../../store/json-sql.ts'
import { json, type Answer, type Call, type Route } from '../call.ts'
import type { Condition } from '../order.ts'
import { boolean, expression, invalid, limitOf, list, listQuery, PAGE, readQuery, type ListKind } from '../query.ts'
import { findNode } from './find.ts'

// An entry's id is the letter of its table and the row's number: a page goes on after it.
const entry = (letter: string, kind: string, type: string) =>
  `SELECT at, '${letter}' AS k, id, json_object('id', '${letter}' || id, 'at', at, 'kind', '${kind}', 'type', ${type}, 'task', task,` +
  ` 'step', body ->> '$.step', 'percent', body ->> '$.percent', 'bytes', body ->> '$.bytes', 'body', json(body)) AS j`

const TIMELINE =
  `WITH entries AS (${entry('e', 'event', 'type')} FROM events WHERE node = ?1` +
  ` UNION ALL ${entry('n', 'note', 'stage')} FROM notes WHERE node = ?1)` +
  ` SELECT k || id, j FROM entries WHERE ?2 IS NULL OR (at, k, id) > (SELECT at, k, id FROM entries WHERE k || id = ?2)` +
  ` ORDER BY at, k, id LIMIT ?3`

async function timeline(call: Call): Promise<Answer> {
  const query = readQuery(call.search, ['limit', 'marker'])
  const limit = limitOf(query)
  const marker = query.get('marker') ?? null
  if (marker !== null && !/^[en]\d{1,15}$/.test(marker)) throw invalid(`"${marker}" is not an entry of a timeline`)
  const ident = call.params['ident']!
  const { uuid } = await findNode(call, ident)
  const rows = await call.sql.all(TIMELINE, [uuid, marker, limit])
  const next =
    rows.length === limit
      ? `,"next":"${call.base}/v1/nodes/${ident}/timeline?limit=${limit}&marker=${rows.at(-1)![0]}"`
      : ''
  return json(`{"timeline":[${rows.map((row) => row[1]).join(',')}]${next}}`)
}

// Ironic names history entries by UUID; ours are the events, so the number of one is written as a UUID (version 8, RFC 9562 §5.8).
const HISTORY_UUID = `printf('00000000-0000-8000-8000-%012x', e.id)`
// Maintenance that a failed step brought with it is no second failure; that of a BMC which answers no more is one.
const FAILED =
  `CASE WHEN e.type = 'node.maintenance' AND e.body ->> '$.fault' IS NOT 'power failure' THEN NULL` +
  ` ELSE coalesce(e.body ->> '$.last_error', e.body ->> '$.fault.message') END`
const TEXT = `coalesce(${FAILED}, CASE e.type WHEN 'node.provision_state' THEN 'moved from ' || (e.body ->> '$.from') || ' to ' || (e.body ->> '$.to') ELSE e.type END)`

/** The kinds of task whose failure no move of the node tells. */
const TOLD_BY_TASK = "'power', 'settings', 'vendor', 'child', 'undo'"
// Steps and power readings are for the timeline.
const IN_HISTORY =
  `e.type NOT LIKE 'step.%' AND e.type <> 'node.power_state'` +
  ` AND (e.type NOT LIKE 'task.%' OR e.type = 'task.failed' AND e.body ->> '$.kind' IN (${TOLD_BY_TASK}))`

/** Ironic's types, by the state that begins with this. */
const WORK = {
  deploy: 'deploying',
  'wait call-back': 'deploying',
  clean: 'cleaning',
  serv: 'servicing',
  rescu: 'rescue',
  unrescu: 'rescue',
  delet: 'unprovision',
  adopt: 'adoption',
  inspect: 'introspection',
  verify: 'verify',
}
const workIn = (state: string) =>
  `CASE ${Object.entries(WORK)
    .map(([begin, type]) => `WHEN e.body ->> '$.${state}' LIKE '${begin}%' THEN '${type}'`)
    .join(' ')} END`
const TYPE =
  `CASE WHEN e.type = 'node.provision_state' THEN coalesce(${workIn('to')}, ${workIn('from')}, 'transition')` +
  ` WHEN e.type LIKE 'task.%' OR e.type IN ('node.maintenance', 'node.power_forced') THEN 'monitoring' ELSE 'provisioning' END`
/** Of whoever did the work. */
const CONDUCTOR = `coalesce(e.body ->> '$.hostname', (SELECT c.hostname FROM tasks t JOIN conductors c ON c.id = t.conductor WHERE t.id = e.task))`

const MOVED = `type = 'node.provision_state'`
const STATE = `coalesce(p.body ->> '$.to', (SELECT body ->> '$.from' FROM events WHERE node = e.node AND ${MOVED} ORDER BY id LIMIT 1), n.provision_state)`
const SECONDS = `CAST(round((julianday(e.at) - julianday(coalesce(p.at, n.created_at))) * 86400) AS INTEGER)`

const field = (name: string, since: number, sql: Field['sql']): Field => ({ name, since, sql })

const HISTORY: ListKind = {
  key: 'history',
  noun: 'History entry',
  // `p`: how the node had come to the state in which it was.
  from:
    `events e JOIN nodes n ON n.uuid = e.node AND ${IN_HISTORY} LEFT JOIN events p ON p.id =` +
    ` (SELECT max(id) FROM events WHERE node = e.node AND ${MOVED} AND id < e.id)`,
  uuid: HISTORY_UUID,
  id: 'e.id',
  fields: [
    field('uuid', 78, HISTORY_UUID),
    field('created_at', 78, 'e.at'),
    field('severity', 78, `iif(${FAILED} IS NULL, 'INFO', 'ERROR')`),
    field('event', 78, TEXT),
    field('event_type', 78, TYPE),
    field('conductor', 78, CONDUCTOR),
    field('user', 78, 'e.actor'),
    // Tokens belong to an organisation as a whole.
    field('project', 113, 'NULL'),
    field('state', 115, STATE),
    field('target_provision_state', 115, `p.body ->> '$.target'`),
    { ...field('duration_seconds', 115, SECONDS), type: 'integer' },
    field('links', 78, links('nodes', `n.uuid || '/history/' || ${HISTORY_UUID}`)),
  ],
  brief: ['uuid', 'created_at', 'severity', 'event', 'links'],
  sort: sortOf([], 'e.id'),
  fieldsSince: 78,
  detailSince: 78,
  filters: {},
}

/** As it is listed without detail: texts are cut. */
const SHORT_HISTORY: ListKind = {
  ...HISTORY,
  fields: HISTORY.fields.map((each) =>
    each.name === 'event'
      ? { ...each, sql: `iif(length(${TEXT}) > 255, substr(${TEXT}, 1, 251) || '...', ${TEXT})` }
      : each,
  ),
}

async function history(call: Call): Promise<Answer> {
  const detail = readQuery(call.search, Object.keys(listQuery(HISTORY))).get('detail')
  const isDetailed = detail !== undefined && boolean(detail, 'detail')
  return list(isDetailed ? HISTORY : SHORT_HISTORY, call, await ofNode(call, 'history'))
}

/** Where ironicclient looks for them. */
async function detailedHistory(call: Call): Promise<Answer> {
  return list(HISTORY, call, { ...(await ofNode(call, 'history/detail')), detail: true })
}

async function ofNode(call: Call, below: string): Promise<{ fixed: Condition; path: string }> {
  const ident = call.params['ident']!
  const { uuid } = await findNode(call, ident)
  return { fixed: { sql: 'e.node = @', args: [uuid] }, path: `/v1/nodes/${ident}/${below}` }
}

async function historyEntry(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const { uuid } = await findNode(call, call.params['ident']!)
  const id = /^00000000-0000-8000-8000-([0-9a-f]{12})$/i.exec(call.params['entry']!)?.[1]
  const sql = `SELECT ${expression(HISTORY, call.version)} FROM ${HISTORY.from} WHERE e.node = ?3 AND e.id = ?4`
  const [row] = id ? await call.sql.all(sql, [...shownArgs(call), uuid, Number.parseInt(id, 16)]) : []
  if (!row) throw new FaultError('not_found', `History entry ${call.params['entry']} could not be found.`)
  return json(String(row[0]))
}

export const logRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/nodes/:ident/timeline',
    about: 'What happened to a node: every boot stage, step and change, by time',
    query: {
      ...PAGE,
      marker: {
        about: 'Id of the last entry of the page before',
        schema: { type: 'string', pattern: '^[en][0-9]{1,15}$' },
      },
    },
    run: timeline,
  },
  {
    method: 'GET',
    path: '/v1/nodes/:ident/history',
    since: 78,
    about: "Ironic's view of what happened to a node",
    list: HISTORY,
    run: history,
  },
  {
    method: 'GET',
    path: '/v1/nodes/:ident/history/detail',
    since: 78,
    about: 'The same with all its fields',
    list: HISTORY,
    run: detailedHistory,
  },
  {
    method: 'GET',
    path: '/v1/nodes/:ident/history/:entry',
    since: 78,
    about: 'One entry of the history',
    one: HISTORY,
    run: historyEntry,
  },
]
