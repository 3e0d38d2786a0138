// Break-glass on a host whose daemon does not run: takes the daemon's place for one action. 1. Under the folder's lock, so that no daemon starts
// meanwhile. 2. Only when the cloud does not answer, and only after whatever lease the last run had is over.
import { join } from 'node:path'
import { systemEnv } from '../../shared/env.ts'
import { FaultError } from '../../shared/faults.ts'
import { Agents } from '../agents/agents.ts'
import type { Config } from '../config.ts'
import { folder } from '../disk.ts'
import { readIdentity, readSite, siteKeyOf } from '../identity.ts'
import { Journal } from '../tasks/journal.ts'
import { loadDrivers } from '../drivers/load-drivers.ts'
import { lockFolder } from '../lock.ts'
import type { Log } from '../log.ts'
import { resources, sealing } from '../site.ts'
import { sleep } from '../timing.ts'
import { LocalActions } from './actions.ts'
import { Roster } from './roster.ts'

const CLOUD_TIMEOUT_MS = 5_000
/** Clocks, and packets that are on their way (cloud/site-hub/due.ts has the same). */
const MARGIN_MS = 2_000

export interface StandIn {
  readonly actions: LocalActions
  close(): Promise<void>
}

/** `say`: a line for the person who waits. Throws a FaultError that says why nothing may be done. */
export async function standIn(config: Config, log: Log, say: (line: string) => void): Promise<StandIn> {
  const env = systemEnv
  await using opened = new AsyncDisposableStack()
  const disk = await folder(config.dataDir)
  const identity = await readIdentity(disk)
  if (identity === undefined) throw new FaultError('conflict', `${config.dataDir} holds no identity`, { hint: 'run "ferrule-conductor enroll" first' }) // prettier-ignore
  const lock = await lockFolder(config.dataDir).catch((cause: unknown) => {
    throw new FaultError('conflict', 'a daemon runs, but does not answer at its control socket', {
      cause,
      hint: `see its log; is ${join(config.dataDir, 'control.sock')} there?`,
    })
  })
  opened.defer(() => lock.release())
  const url = config.url ?? identity.url
  if (await answers(url)) {
    throw new FaultError('conflict', `the cloud answers at ${url}`, {
      hint: 'start the daemon ("ferrule-conductor run") and use the API: what is done there, everybody knows of',
    })
  }
  const roster = await Roster.open(env, disk, log)
  const waitMs = roster.leaseMs + MARGIN_MS
  say(
    `No daemon runs and the cloud does not answer. Waiting ${Math.ceil(waitMs / 1000)} s: the last lease must be over.`,
  )
  await sleep(env, waitMs)
  const journal = await Journal.open(disk)
  opened.defer(() => journal.close())
  const kept = resources()
  opened.defer(() => kept.close())
  const stored = await readSite(disk)
  const actions = new LocalActions({
    env,
    log,
    journal,
    roster,
    drivers: await loadDrivers(config.drivers),
    site: {
      id: identity.site,
      organisation: identity.organisation,
      ...sealing(identity.organisation, identity.site, siteKeyOf(stored)),
      blob: () => Promise.reject(new FaultError('unavailable', 'the cloud is away')),
      agents: new Agents(),
      resource: kept.resource,
    },
    refusal: () => undefined,
    running: () => [],
    abort: async () => [],
    told: () => {},
  })
  const closing = opened.move()
  return { actions, close: () => closing.disposeAsync() }
}

async function answers(url: string): Promise<boolean> {
  try {
    await fetch(`${url}/v1`, { signal: AbortSignal.timeout(CLOUD_TIMEOUT_MS) })
    return true
  } catch {
    return false
  }
}
