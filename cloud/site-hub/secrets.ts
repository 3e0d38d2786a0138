// Secret fields of driver_info: sealed to the site's key before anything is stored; rows and answers show ****** in their place.
import { FaultError } from '../../shared/faults.ts'
import type { DriverFacts } from '../../shared/protocol.ts'
import { isSealed, MASK, seal } from '../../shared/sealing.ts'
import type { SiteRef } from '../ports.ts'
import type { Turn } from './turn.ts'

/**
 * `given` as it may be shown, and the sealed values by path. A field that still reads ****** keeps its present secret
 * (clients write back what they read); one that a person sealed beforehand (`ferrule seal`) is taken as it is.
 */
export async function sealSecrets(
  turn: Turn,
  site: SiteRef,
  node: string,
  driver: DriverFacts,
  given: Record<string, unknown>,
  present: Record<string, string>,
): Promise<{ shown: Record<string, unknown>; secrets: Record<string, string> }> {
  const shown = { ...given }
  const secrets: Record<string, string> = {}
  for (const field of driver.secrets) {
    const value = given[field]
    if (value === undefined || value === null) continue
    const path = `driver_info.${field}`
    if (typeof value !== 'string') throw new FaultError('request.invalid', `${path} must be a string.`)
    shown[field] = MASK
    if (value === MASK && present[path]) secrets[path] = present[path]
    else if (isSealed(value)) secrets[path] = value
    else secrets[path] = await seal(siteKey(turn), { ...site, node, field: path }, value)
  }
  return { shown, secrets }
}

function siteKey(turn: Turn): string {
  const { public_key: key, name } = turn.state.site
  if (!key) throw new FaultError('site.no_key', `Site ${name} has no key yet, so it can keep no secrets.`)
  return key
}
