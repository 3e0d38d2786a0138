// The audit log (ours): who did what with conductors and enrolment, and what was refused at the door or by a hub. Newest first.
import type { SqlValue } from '../ports.ts'
import { json, type Answer, type Call, type Route } from './call.ts'
import { invalid, limitOf, NUMBER_MARKER, PAGE, readQuery } from './query.ts'

const ENTRY = `json_object('id', id, 'at', at, 'actor', actor, 'action', action, 'target', target, 'outcome', outcome, 'request_id', request_id, 'body', json(body))`
const FILTERS = ['actor', 'action', 'target', 'outcome'] as const

/** A page goes on with what is older than the id `marker`. */
async function audit(call: Call): Promise<Answer> {
  const query = readQuery(call.search, ['limit', 'marker', ...FILTERS])
  const limit = limitOf(query)
  const marker = query.get('marker')
  if (marker !== undefined && !/^\d{1,15}$/.test(marker)) throw invalid('The marker is the id of an entry')
  const args: SqlValue[] = [marker === undefined ? Number.MAX_SAFE_INTEGER : Number(marker), limit]
  const where = ['id < ?1']
  for (const column of FILTERS) {
    const value = query.get(column)
    if (value !== undefined) where.push(`${column} = ?${args.push(value)}`)
  }
  const sql = `SELECT ${ENTRY}, id FROM audit WHERE ${where.join(' AND ')} ORDER BY id DESC LIMIT ?2`
  const rows = await call.sql.all(sql, args)
  let next = ''
  if (rows.length === limit) {
    query.set('limit', String(limit))
    query.set('marker', String(rows.at(-1)![1]))
    next = `,"next":${JSON.stringify(`${call.base}/v1/audit?${new URLSearchParams([...query])}`)}`
  }
  return json(`{"audit":[${rows.map((row) => row[0]).join(',')}]${next}}`)
}

const AUDIT_QUERY = {
  ...PAGE,
  marker: { about: 'Id of the last one of the page before', schema: NUMBER_MARKER },
  ...Object.fromEntries(FILTERS.map((name) => [name, `Only of this ${name}`])),
}

export const auditRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/audit',
    about: 'Who did what, and what was refused; newest first',
    query: AUDIT_QUERY,
    run: audit,
  },
]
