// Enrolment tokens of a site: shown once when made, kept as a hash, burnt by use.
import { z } from 'zod'
import { FaultError } from '../../../shared/faults.ts'
import { hashToken, newToken, uuidv7 } from '../../../shared/ids.ts'
import { enrolTokens } from '../../schema/directory.ts'
import { insert, isoTime } from '../../schema/rows.ts'
import { readBody } from '../body.ts'
import { empty, json, type Answer, type Call, type Route } from '../call.ts'
import { limitOf, PAGE, readQuery } from '../query.ts'
import { findSite } from './find.ts'
import { chars } from '../shapes.ts'

const DAY_S = 24 * 3600
const TokenBody = z.strictObject({
  /** Seconds. */
  ttl: z
    .int()
    .min(60)
    .max(30 * DAY_S)
    .default(DAY_S),
  uses: z.int().min(1).max(100).default(1),
  labels: z.record(chars(63), chars(255)).default({}),
})

async function create(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const site = await findSite(call.sql, call.params['ident']!)
  const { ttl, uses, labels } = await readBody(call.request, TokenBody)
  const { env, store } = call.ports
  const token = newToken('fre', env)
  const id = uuidv7(env)
  const expires_at = isoTime(env.now() + ttl * 1000)
  const created_at = isoTime(env.now())
  const row = {
    hash: await hashToken(token),
    id,
    organisation: call.principal.organisation,
    site: site.id,
    uses_left: uses,
    labels,
    expires_at,
    created_at,
  }
  await store.directory.batch([insert(enrolTokens, row)])
  return json({ uuid: id, token, site: site.id, uses_left: uses, labels, expires_at, created_at }, 201, {
    Location: `${call.base}/v1/sites/${site.id}/enrol-tokens/${id}`,
    'Cache-Control': 'no-store',
  })
}

async function list(call: Call): Promise<Answer> {
  const query = readQuery(call.search, ['limit', 'marker'])
  const limit = limitOf(query)
  const site = await findSite(call.sql, call.params['ident']!)
  const rows = await call.ports.store.directory.all(
    "SELECT json_object('uuid', id, 'site', site, 'uses_left', uses_left, 'labels', json(labels), 'expires_at', expires_at, 'revoked_at', revoked_at, 'created_at', created_at), id" +
      ' FROM enrol_tokens WHERE organisation = ? AND site = ? AND id > ? ORDER BY id LIMIT ?',
    [call.principal.organisation, site.id, query.get('marker') ?? '', limit],
  )
  const last = rows.length === limit ? rows.at(-1)![1] : null
  const next =
    last === null
      ? ''
      : `,"next":${JSON.stringify(`${call.base}/v1/sites/${site.id}/enrol-tokens?limit=${limit}&marker=${last}`)}`
  return json(`{"enrol_tokens":[${rows.map((row) => row[0]).join(',')}]${next}}`)
}

async function revoke(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const site = await findSite(call.sql, call.params['ident']!)
  const { env, store } = call.ports
  const [rows] = await store.directory.batch([
    {
      sql: 'UPDATE enrol_tokens SET revoked_at = coalesce(revoked_at, ?) WHERE id = ? AND organisation = ? AND site = ? RETURNING id',
      args: [isoTime(env.now()), call.params['id']!, call.principal.organisation, site.id],
    },
  ])
  if (rows?.length !== 1) throw new FaultError('not_found', `Enrolment token ${call.params['id']} could not be found.`)
  return empty(204)
}

export const enrolTokenRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/sites/:ident/enrol-tokens',
    about: 'The enrolment tokens of a site, without their text',
    query: PAGE,
    run: list,
  },
  {
    method: 'POST',
    path: '/v1/sites/:ident/enrol-tokens',
    about: 'Makes an enrolment token, whose text is shown this once',
    body: TokenBody,
    run: create,
  },
  { method: 'DELETE', path: '/v1/sites/:ident/enrol-tokens/:id', about: 'Revokes an enrolment token', run: revoke },
]
