// What a conductor says first on each connection: who it is, what its drivers offer, and which tasks are under way at it.
import { packed } from '../../shared/packed-drivers.ts'
import { bytesInFrame, type FromConductor } from '../../shared/protocol.ts'
import type { Config } from '../config.ts'
import { type Driver } from '../driver.ts'
import { driverFacts } from '../driver-facts.ts'
import { PAGE_BYTES, pages } from './pages.ts'
import type { Site } from '../site.ts'
import { VERSION } from '../version.ts'

type Hello = Extract<FromConductor, { type: 'hello' }>
export type Greeting = Omit<Hello, 'type' | 'incarnation' | 'grantsDigest' | 'held'>

/** Tasks that it names, at most. */
const INFLIGHT = 200

export interface Greeter {
  /** As it enrolled: names differ within a site. */
  readonly hostname: string
  readonly drivers: ReadonlyMap<string, Driver>
  readonly config: Pick<Config, 'stepPriorities'>
  readonly site: Pick<Site, 'boot'>
  /** Names the lock that this run holds. */
  readonly lock: string | undefined
  readonly inflight: Hello['inflight']
}

export function greeting({ hostname, drivers, config, site, lock, inflight: all }: Greeter): Greeting {
  const served = [...drivers.values()].map((driver) => driverFacts(driver, config.stepPriorities))
  const said = {
    version: VERSION,
    hostname,
    drivers: served,
    capabilities: site.boot === undefined ? [] : ['boot'],
    ...(lock !== undefined && { lock }),
  }
  const room = PAGE_BYTES - bytesInFrame({ ...said, drivers: packed(served) })
  // The rest is asked for one by one.
  const [inflight = []] = pages(all, INFLIGHT, room)
  return { ...said, inflight }
}
