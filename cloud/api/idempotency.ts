// Idempotency-Key: a request that is sent again, because its answer was lost, is answered and not carried out again. The first one claims
// the key in the database; its answer is kept for a day. 1. A refusal changed nothing, so its key is free again. 2. What is not known to
// have failed keeps its key. 3. An answer that shows a secret is not kept.
import { FaultError, toFault, type FaultCode } from '../../shared/faults.ts'
import { hex } from '../../shared/ids.ts'
import { MAX_BODY_BYTES, readBytes } from './body.ts'
import type { Answer, Call, Route } from './call.ts'
import { faultAnswer } from './errors.ts'
import { invalid } from './query.ts'

const KEPT_MS = 24 * 3_600_000
/** No request is under way for longer: whoever claimed the key is gone, and never said what became of it. */
const UNDER_WAY_MS = 10 * 60_000
/** What may have happened although it is answered as a failure. */
const UNCERTAIN: ReadonlySet<FaultCode> = new Set(['internal', 'unavailable', 'timeout'])

type Run = (call: Call) => Promise<Answer | Response>

/** Does the route take an Idempotency-Key? */
export function isKeyed({ method, path, open }: Pick<Route, 'method' | 'path' | 'open'>): boolean {
  return open !== true && (method === 'POST' || (method === 'PUT' && path.includes('/states/')))
}

/** Runs a request, or answers what it was answered before. */
export async function once(route: Route, call: Call, run: Run): Promise<Answer | Response> {
  const key = isKeyed(route) ? call.request.headers.get('idempotency-key') : null
  if (key === null) return run(call)
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) throw invalid('An Idempotency-Key is 1 to 255 visible characters')
  const bytes = await readBytes(call.request, route.maxBytes ?? MAX_BODY_BYTES)
  const hash = hex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)))
  const { method, url } = call.request
  const what = `${method} ${url.slice(call.base.length)}`
  const id = [call.principal.actor, key] as const
  if (!(await claim(call, id, what, hash))) return replay(call, id, what, hash)
  const { headers, signal } = call.request
  const answer = await settled(
    call,
    id,
    run({ ...call, sql: call.sql, request: new Request(url, { method, headers, signal, body: bytes }) }),
  )
  return answer
}

async function claim(call: Call, id: readonly [string, string], what: string, hash: string): Promise<boolean> {
  const now = call.ports.env.now()
  const [, rows] = await call.sql.batch([
    { sql: 'DELETE FROM idempotency_keys WHERE at_ms < ?', args: [now - KEPT_MS] },
    {
      sql: 'INSERT INTO idempotency_keys (principal, key, route, body_hash, at_ms) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING key',
      args: [...id, what, hash, now],
    },
  ])
  return rows?.length === 1
}

async function settled(
  call: Call,
  id: readonly [string, string],
  running: Promise<Answer | Response>,
): Promise<Answer | Response> {
  let answer: Answer | Response
  try {
    answer = await running
  } catch (error) {
    const fault = toFault(error)
    if (UNCERTAIN.has(fault.code)) await keep(call, id, faultAnswer(fault, call.requestId))
    else await call.sql.batch([{ sql: 'DELETE FROM idempotency_keys WHERE principal = ? AND key = ?', args: id }])
    throw error
  }
  if (!(answer instanceof Response)) await keep(call, id, answer)
  return answer
}

async function keep(call: Call, id: readonly [string, string], { status, headers = {}, body }: Answer): Promise<void> {
  const text = isSecret(headers) ? null : (body ?? null)
  await call.sql.batch([
    {
      sql: 'UPDATE idempotency_keys SET status = ?, headers = ?, body = ? WHERE principal = ? AND key = ?',
      args: [status, JSON.stringify(headers), text, ...id],
    },
  ])
}

async function replay(call: Call, id: readonly [string, string], what: string, hash: string): Promise<Answer> {
  const sql =
    'SELECT route, body_hash, status, headers, body, at_ms FROM idempotency_keys WHERE principal = ? AND key = ?'
  const [row] = await call.sql.all(sql, id)
  const busy = new FaultError('request.busy', 'The first request with this Idempotency-Key has no answer yet.')
  if (!row) throw busy // it was refused in this moment
  const [route, bodyHash, status, headersText, body, at] = row
  if (route !== what || bodyHash !== hash)
    throw new FaultError('request.reused', 'This Idempotency-Key was used with another request.')
  if (status === null && Number(at) > call.ports.env.now() - UNDER_WAY_MS) throw busy
  if (status === null)
    throw new FaultError(
      'unavailable',
      'The first request ended without an answer: whether it was carried out is not known.',
      {
        hint: 'look whether the change is there; where it is not, ask with another Idempotency-Key',
      },
    )
  const headers = JSON.parse(String(headersText)) as Record<string, string>
  if (isSecret(headers)) {
    throw new FaultError('conflict', 'The request was carried out, and its answer showed a secret that is not kept.', {
      hint: 'make another, and revoke this one',
    })
  }
  const again = { status: Number(status), headers: { ...headers, 'Idempotent-Replayed': 'true' } }
  return body === null ? again : { ...again, body: String(body) }
}

function isSecret(headers: Readonly<Record<string, string>>): boolean {
  return headers['Cache-Control'] === 'no-store'
}
