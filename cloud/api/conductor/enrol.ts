// Enrolment: a token is burnt, and the public keys that the conductor made on its host are stored.
// 1. Burning and the conductor's key are one transaction of the directory: a token never makes two identities. 2. The site key of the
// first conductor stays the site's; a later one is told it and waits to be admitted by a person. 3. Asking again with the same keys
// (an answer was lost) answers the same.
import { z } from 'zod'
import { FaultError, type FaultCode } from '../../../shared/faults.ts'
import { hashToken, isToken, uuidv7 } from '../../../shared/ids.ts'
import { fingerprint } from '../../../shared/sealing.ts'
import { ENROL_PATH } from '../../../shared/upgrade.ts'
import type { Statement } from '../../ports.ts'
import { audit, conductors } from '../../schema/organisation.ts'
import { insert, isoTime, laterStamp, select } from '../../schema/rows.ts'
import { readBody } from '../body.ts'
import { json, type Answer, type Call, type Route } from '../call.ts'
import { readQuery } from '../query.ts'
import { findSite } from '../sites/find.ts'

/** 32 bytes in base64url. */
const Key = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'expected a 32-byte public key in base64url')
const EnrolBody = z.strictObject({
  token: z.string().max(100),
  hostname: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9.-]{0,254}$/, 'expected a host name'),
  version: z.string().max(40),
  /** Ed25519: signs upgrades. */
  identity_key: Key,
  /** X25519: what is sealed to this conductor alone. */
  box_key: Key,
  /** X25519, and the certificate authority in PEM: made by the first conductor of a site. */
  site_key: Key.optional(),
  site_ca: z.string().max(16_384).optional(),
})
type Enrolment = z.infer<typeof EnrolBody>

interface Token {
  readonly organisation: string
  readonly site: string
  readonly usesLeft: number
  readonly labels: string
  readonly expiresAt: string
  readonly revokedAt: string | null
}

async function enrol(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const body = await readBody(call.request, EnrolBody)
  const { directory } = call.ports.store
  const unknown = new FaultError('token.unknown', 'This enrolment token is not known.')
  if (!isToken(body.token, 'fre')) throw unknown
  const hash = await hashToken(body.token)
  const [row] = await directory.all(
    'SELECT organisation, site, uses_left, labels, expires_at, revoked_at FROM enrol_tokens WHERE hash = ?',
    [hash],
  )
  if (!row) throw unknown
  const [organisation, site, usesLeft, labels, expiresAt, revokedAt] = row as [
    string,
    string,
    number,
    string,
    string,
    string | null,
  ]
  const token: Token = { organisation, site, usesLeft, labels, expiresAt, revokedAt }

  const [same] = await directory.all(
    'SELECT id FROM conductor_keys WHERE organisation = ? AND site = ? AND identity_key = ? AND revoked_at IS NULL',
    [organisation, site, body.identity_key],
  )
  if (same) return askedAgain(call, token, String(same[0]), body)
  const conductor = await burn(call, hash, token, body)
  await storeConductor(call, token, conductor, body)
  return answer(call, token, conductor)
}

/** The answer was lost, or its row was not written any more. An identity key is public: with another box key it is not the same host. */
async function askedAgain(call: Call, token: Token, id: string, body: Enrolment): Promise<Answer> {
  const [known] = await select(call.ports.store.organisation(token.organisation), conductors, 'id = ?', [id])
  if (!known) await storeConductor(call, token, id, body)
  else if (known.box_key !== body.box_key) {
    throw new FaultError('auth.denied', 'This identity is enrolled with another box key.', {
      hint: 'remove the data folder of this host and enrol it with a new token',
    })
  }
  return answer(call, token, id)
}

/** Takes one use of the token for a new identity, or throws token.expired or token.used. Answers the conductor's id. */
async function burn(call: Call, hash: string, token: Token, body: Enrolment): Promise<string> {
  const { env, store } = call.ports
  const now = env.now()
  const sql = store.organisation(token.organisation)
  const [known] = await select(sql, conductors, 'site = ? AND hostname = ?', [token.site, body.hostname])
  if (known && !known.revoked_at && (known.horizon_ms ?? 0) > now) {
    throw new FaultError('conflict', `A conductor called ${body.hostname} is running at this site.`, {
      hint: 'give this host another name, or stop that conductor and wait a minute',
    })
  }
  // The same host, installed anew, stays the same conductor under its new key.
  const id = known?.id ?? uuidv7(env)
  const usable = 'hash = ? AND uses_left > 0 AND revoked_at IS NULL AND expires_at > ?'
  const guard = [hash, isoTime(now)]
  const [inserted] = await store.directory.batch([
    {
      sql:
        `INSERT INTO conductor_keys (id, organisation, site, identity_key) SELECT ?, organisation, site, ? FROM enrol_tokens WHERE ${usable}` +
        ' ON CONFLICT (id) DO UPDATE SET identity_key = excluded.identity_key, revoked_at = NULL RETURNING id',
      args: [id, body.identity_key, ...guard],
    },
    { sql: `UPDATE enrol_tokens SET uses_left = uses_left - 1 WHERE ${usable}`, args: guard },
  ])
  if (inserted?.length === 1) return id
  const [code, why]: [FaultCode, string] =
    token.revokedAt !== null
      ? ['token.expired', 'was revoked']
      : Date.parse(token.expiresAt) <= now
        ? ['token.expired', 'has expired']
        : ['token.used', 'was used before']
  await sql.batch([
    note(call, 'conductor.enrol', token.site, code, { hostname: body.hostname, why, token: body.token.slice(-4) }),
  ])
  throw new FaultError(code, `This enrolment token ${why}.`)
}

async function storeConductor(call: Call, token: Token, id: string, body: Enrolment): Promise<void> {
  const { env, store } = call.ports
  const now = isoTime(env.now())
  const statements: Statement[] = [
    {
      sql:
        'INSERT INTO conductors (id, site, hostname, identity_key, box_key, labels, version, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)' +
        ' ON CONFLICT (id) DO UPDATE SET identity_key = excluded.identity_key, box_key = excluded.box_key, labels = excluded.labels,' +
        ' version = excluded.version, revoked_at = NULL, updated_at = excluded.created_at',
      args: [id, token.site, body.hostname, body.identity_key, body.box_key, token.labels, body.version, now],
    },
    note(call, 'conductor.enrol', token.site, 'ok', { conductor: id, hostname: body.hostname }),
  ]
  if (body.site_key !== undefined) {
    const stamp = laterStamp(env.now())
    statements.push({
      sql: `UPDATE sites SET public_key = ?, ca = ?, updated_at = ${stamp.sql} WHERE id = ? AND public_key IS NULL`,
      args: [body.site_key, body.site_ca ?? null, ...stamp.args, token.site],
    })
  }
  await store.organisation(token.organisation).batch(statements)
}

async function answer(call: Call, token: Token, conductor: string): Promise<Answer> {
  const { env, store } = call.ports
  const site = await findSite(store.organisation(token.organisation), token.site)
  return json(
    {
      conductor,
      site: site.id,
      organisation: token.organisation,
      site_key: site.public_key,
      fingerprint: site.public_key === null ? null : await fingerprint(site.public_key),
      site_ca: site.ca,
      server_time: isoTime(env.now()),
    },
    201,
  )
}

function note(call: Call, action: string, target: string, outcome: string, body: Record<string, unknown>): Statement {
  const row = {
    at: isoTime(call.ports.env.now()),
    actor: null,
    action,
    target,
    outcome,
    body,
    request_id: call.requestId,
  }
  return insert(audit, row)
}

export const enrolRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: ENROL_PATH,
    about: 'Enrols a conductor with a token',
    body: EnrolBody,
    open: true,
    run: enrol,
  },
]
