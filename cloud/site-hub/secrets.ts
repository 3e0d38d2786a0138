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
  readonly column: 'driver_info' | 'instance_info'
  /** Names of the secret fields of the column. */
  readonly fields: readonly string[]
}

/**
 * `given` as it may be shown, and the sealed values by path. A field that still reads ****** keeps its present secret
 * (clients write back what they read); one that a person sealed beforehand (`ferrule seal`) is taken as it is.
 */
export async function sealSecrets(
  turn: Turn,
  { site, node, column, fields }: Sealable,
  given: Record<string, unknown>,
  present: Record<string, string>,
): Promise<{ shown: Record<string, unknown>; secrets: Record<string, string> }> {
  const shown = { ...given }
  const secrets: Record<string, string> = {}
  for (const field of fields) {
    const value = given[field]
    if (value === undefined || value === null) continue
    const path = `${column}.${field}`
    if (typeof value !== 'string') throw new FaultError('request.invalid', `${path} must be a string.`)
    shown[field] = MASK
    if (value === MASK && present[path]) secrets[path] = present[path]
    else if (isSealed(value)) secrets[path] = value
    else secrets[path] = await seal(siteKey(turn), { ...site, node, field: path }, value)
  }
  return { shown, secrets }
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
