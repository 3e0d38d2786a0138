// Secret fields of driver_info and instance_info: sealed to the site's key before anything is stored; rows and answers show ****** in
// their place. Which fields of driver_info are secret, the driver says; those of instance_info are Ironic's.
import { FaultError } from '../../shared/faults.ts'
import { isSealed, MASK, seal } from '../../shared/sealing.ts'
import type { SiteRef } from '../ports.ts'
import type { Turn } from './turn.ts'

/** Ironic's fields of instance_info that are credentials. */
export const INSTANCE_SECRETS = [
  'configdrive',
  'image_pull_secret',
  'image_request_authorization_secret',
  'rescue_password',
  'hashed_rescue_password',
] as const

export interface Sealable {
  readonly site: SiteRef
  readonly node: string
  /** What paths of its secrets start with, such as `driver_info`. */
  readonly column: string
  /** Names of the secret fields of the column. */
  readonly fields: readonly string[]
}

/** Names that nobody gives to something public. */
const SOUNDS_SECRET = /passw(or)?d|secret|token|credential|(private|priv|auth|kg|api)_?key/i
/** A user and password before the host of a URL (RFC 3986 §3.2.1). */
const USERINFO = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*:[^/?#]*@/i

/**
 * `given` as it may be shown, and the sealed values by path. A field that still reads ****** keeps its present secret
 * (clients write back what they read); one that a person sealed beforehand is taken as it is. Fields that only sound like a secret are
 * sealed too; deeper inside an object, or inside a URL, they are refused, since nobody could seal them there.
 */
export async function sealSecrets(
  turn: Turn,
  { site, node, column, fields }: Sealable,
  given: Record<string, unknown>,
  present: Record<string, string>,
): Promise<{ shown: Record<string, unknown>; secrets: Record<string, string> }> {
  const shown = { ...given }
  const secrets: Record<string, string> = {}
  for (const [field, value] of Object.entries(given)) {
    const path = `${column}.${field}`
    if (!fields.includes(field) && !(typeof value === 'string' && SOUNDS_SECRET.test(field))) {
      refuseHidden(path, value)
      continue
    }
    if (value === null) continue
    if (typeof value !== 'string') throw new FaultError('request.invalid', `${path} must be a string.`)
    shown[field] = MASK
    if (isSealed(value)) secrets[path] = value
    else if (value !== MASK) secrets[path] = await seal(siteKey(turn), { ...site, node, field: path }, value)
    else if (present[path]) secrets[path] = present[path]
    else throw new FaultError('request.invalid', `${path} reads ${MASK}, but there is no secret to keep.`)
  }
  return { shown, secrets }
}

function refuseHidden(path: string, value: unknown): void {
  if (typeof value === 'string' && USERINFO.test(value)) {
    throw new FaultError(
      'request.invalid',
      `${path} has a user and password in its URL, which would be stored in plain text.`,
      {
        hint: 'use a signed URL, or a field of its own for the credentials',
      },
    )
  }
  if (value === null || typeof value !== 'object') return
  for (const [key, inner] of Object.entries(value)) {
    if (typeof inner === 'string' && inner !== '' && SOUNDS_SECRET.test(key)) {
      throw new FaultError(
        'request.invalid',
        `${path}.${key} looks like a secret, and only fields of the first level are sealed.`,
        {
          hint: 'move it to the first level',
        },
      )
    }
    refuseHidden(`${path}.${key}`, inner)
  }
}

/** The column with its sealed values in place, as the node's conductor gets it. */
export function withSealed(column: Sealable['column'], shown: unknown, secrets: unknown): Record<string, unknown> {
  const whole = { ...(shown as Record<string, unknown>) }
  for (const [path, sealed] of Object.entries(secrets as Record<string, string>)) {
    if (path.startsWith(`${column}.`)) whole[path.slice(column.length + 1)] = sealed
  }
  return whole
}

function siteKey(turn: Turn): string {
  const { public_key: key, name } = turn.state.site
  if (!key) throw new FaultError('site.no_key', `Site ${name} has no key yet, so it can keep no secrets.`)
  return key
}
