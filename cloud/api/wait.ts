// Prefer: wait=N (RFC 7240 §4.3) on what would be answered with 202: the answer comes when the node rests, at the latest after N seconds.
import { isResting, type State } from '../../shared/states.ts'
import type { Answer, Call, Route } from './call.ts'
import { findNode } from './nodes/find.ts'
import { NODES, STATES } from './nodes/nodes.ts'
import { seen, type Seen } from './nodes/seen.ts'
import { textOf } from './items.ts'

export const MAX_WAIT_S = 60

/** Can its answer be waited for? */
export function isWaitable({ method, path }: Pick<Route, 'method' | 'path'>): boolean {
  return method === 'PUT' && path.startsWith('/v1/nodes/:ident/states/')
}

/** The answer as it is, also where nobody can wait now, or 200 with the node's states when it came to rest in time. */
export async function waited(route: Route, call: Call, answer: Answer | Response): Promise<Answer | Response> {
  if (answer instanceof Response || answer.status !== 202 || !isWaitable(route)) return answer
  const asked = /(?:^|[,;\s])wait=(\d{1,6})(?:$|[,;\s])/.exec(call.request.headers.get('prefer') ?? '')
  if (!asked) return answer
  const seconds = Math.min(Number(asked[1]), MAX_WAIT_S)
  const headers = { ...answer.headers, 'Preference-Applied': `wait=${seconds}` }
  const ident = call.params['ident']!
  const came = await rest(call, ident, seconds * 1000)
  if (came === 'unwatched') return answer
  if (came === 'not seen') return { ...answer, headers }
  return { status: 200, headers, body: await textOf(NODES, call, ident, undefined, STATES) }
}

async function rest(call: Call, ident: string, ms: number): Promise<Seen> {
  const node = await findNode(call, ident)
  let isGone = false
  const came = await seen(call, node, ms, async () => {
    const [row] = await call.sql.all('SELECT provision_state, task FROM nodes WHERE uuid = ?', [node.uuid])
    isGone = row === undefined
    return !row || (row[1] === null && isResting(row[0] as State))
  })
  return isGone ? 'not seen' : came
}
