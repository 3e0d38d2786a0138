// Turns a grant's driver_info into what a driver works with: secrets opened in memory, then parsed by the driver's schema.
// The text of a fault names fields, never values. Opening costs a key exchange, so that a grant's is opened once and not at every poll.
import { FaultError } from '../shared/faults.ts'
import type { Grant } from '../shared/protocol.ts'
import { isSealed } from '../shared/sealing.ts'
import type { Driver } from './driver.ts'
import type { Site } from './site.ts'

/** By the grant's own driver_info, which goes with it; what cannot be opened is tried again. */
const opened = new WeakMap<object, Promise<Record<string, unknown>>>()

export async function openDriverInfo(driver: Driver, grant: Grant, site: Site): Promise<Record<string, unknown>> {
  const known = opened.get(grant.driverInfo)
  if (known !== undefined) return await known
  const opening = openNow(driver, grant, site)
  opened.set(grant.driverInfo, opening)
  opening.catch(() => opened.delete(grant.driverInfo))
  return await opening
}

async function openNow(driver: Driver, grant: Grant, site: Site): Promise<Record<string, unknown>> {
  const info: Record<string, unknown> = { ...grant.driverInfo }
  for (const field of driver.secrets) {
    const value = info[field]
    if (isSealed(value)) info[field] = await site.open(grant.node, `driver_info.${field}`, value)
  }
  const parsed = driver.info.safeParse(info)
  if (parsed.success) return Object.freeze(parsed.data)
  const reasons = parsed.error.issues.map((issue) => {
    const field = issue.path.join('.') || 'driver_info'
    if (issue.path.length === 1 && info[field] === undefined) return `${field} is missing`
    return driver.secrets.includes(field)
      ? `${field} has the wrong form`
      : `${field}: ${issue.message.replace(/^Invalid input: /, '')}`
  })
  throw new FaultError('driver.invalid_info', `driver_info of node ${grant.name ?? grant.node}: ${reasons.join('; ')}`)
}
