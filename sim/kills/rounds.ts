// Kills or stops the conductor that drives the machine, or the cloud, at chosen records of that conductor's journal, and judges what came of it
// by the BMC's log, the machine's transitions and its disk.
import { setTimeout as sleep } from 'node:timers/promises'
import { JournalWatch } from './journal-watch.ts'
import { actsSince, judgeActs, judgePower, powerSince, type Changes } from './judge.ts'
import type { SimConductor } from '../conductor.ts'
import { ACTIONS, unlessAway, type Action, type Lane } from './lane.ts'

/** What an action is when nobody is killed. */
export interface Undisturbed {
  readonly action: Action
  /** Of the conductor's journal, in order. */
  readonly records: readonly string[]
  /** The changes of power. */
  readonly power: Changes
}

/**
 * What happens at a record. Whoever is killed comes back: a conductor at once where it is alone, and at the end where another goes on; the cloud
 * at once. Who is stopped (SIGSTOP) goes on after a while.
 */
export const BLOWS = ['conductor killed', 'conductor stopped', 'cloud killed', 'cloud stopped'] as const
export type Blow = (typeof BLOWS)[number]

export interface Kill {
  readonly action: string
  readonly point: number
  /** The record after which it came. */
  readonly record: string
  /** From the kill to the action's end. */
  readonly seconds: number
  /** The machine was booted once more, since its agent would have called a conductor that is gone. */
  readonly again: boolean
}

/** What is still to come of an action that has ended: its last records. */
const TAIL_MS = 300

export async function undisturbed(lane: Lane): Promise<Undisturbed[]> {
  const found: Undisturbed[] = []
  for (const action of ACTIONS) {
    const watch = new JournalWatch((await lane.owner()).dataDir)
    const power = powerSince(lane.machine)
    const hostname = `whole-${found.length}`
    await action.begin(lane, hostname)
    await action.end(lane, hostname)
    await sleep(TAIL_MS)
    watch.look()
    found.push({ action, records: watch.records, power: power() })
  }
  return found
}

/** One blow in `action`, at its `point`-th record; undefined where the action had ended before that. Throws what the judge says. */
export async function killAt(
  lane: Lane,
  { action, power: wanted }: Undisturbed,
  point: number,
  blow: Blow = 'conductor killed',
): Promise<Kill | undefined> {
  const { machine, conductors } = lane
  const victim = await lane.owner()
  const [watch, power, ended] = [new JournalWatch(victim.dataDir), powerSince(lane.machine), new AbortController()]
  const [hostname, boots] = [`p${point}-${Date.now().toString(36)}`, await bootsAgain(lane)]
  const acts = actsSince(machine)
  let struck: { record: string; at: number } | undefined
  const strike = async () => {
    const record = await watch.reach(point, ended.signal)
    if (record === undefined) return
    struck = { record, at: performance.now() }
    await deal(lane, blow, victim)
  }
  const striking = strike()
  try {
    // Its answer may be lost; that it was taken the journal says.
    await unlessAway(() => action.begin(lane, hostname))
    await action.end(lane, hostname)
    await Promise.race([striking, sleep(TAIL_MS)])
  } finally {
    ended.abort()
    await striking
  }
  const seconds = struck === undefined ? 0 : (performance.now() - struck.at) / 1000
  const again = (await bootsAgain(lane)) - boots
  const what = `${action.name}, ${blow} after record ${point} (${struck?.record ?? 'none'})`
  judgePower(what, wanted, power(), again)
  judgeActs(what, acts())
  if (struck === undefined) return undefined
  if (blow === 'conductor killed' && conductors.length > 1) await lane.startAgain(victim)
  return { action: action.name, point, record: struck.record, seconds, again: again > 0 }
}

async function deal(lane: Lane, blow: Blow, victim: SimConductor): Promise<void> {
  const { cloud, conductors, stoppedMs } = lane
  const stop = async (who: { stall(): void; resume(): void }) => {
    who.stall()
    try {
      await sleep(stoppedMs)
    } finally {
      who.resume()
    }
  }
  switch (blow) {
    case 'conductor killed':
      await victim.kill()
      if (conductors.length === 1) await lane.startAgain(victim)
      return
    case 'conductor stopped':
      return await stop(victim)
    case 'cloud killed':
      await cloud.kill()
      return await cloud.start()
    case 'cloud stopped':
      return await stop(cloud)
  }
}

async function bootsAgain({ site }: Lane): Promise<number> {
  return (await site.api.timeline(site.machines[0]!.node)).filter(({ type }) => type === 'boot.again').length
}
