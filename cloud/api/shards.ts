// Shards (1.82): how many nodes each has, so that several services can divide the nodes between them.
import { json, type Answer, type Call, type Route } from './call.ts'
import { readQuery } from './query.ts'

/** The largest first. Nodes without a shard are counted under Ironic's word for nothing. */
const COUNTS = `SELECT coalesce(shard, 'None'), count(*) FROM nodes GROUP BY shard ORDER BY count(*) DESC, shard`

async function shards(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const rows = await call.sql.all(COUNTS)
  return json({ shards: rows.map(([name, count]) => ({ name, count })) })
}

export const shardRoutes: readonly Route[] = [
  { method: 'GET', path: '/v1/shards', since: 82, about: 'Lists shards with the number of their nodes', run: shards },
]
