// The same requests to a real Ironic 21.4 and to Ferrule: status, every field of the answer, and what the things are afterwards. Requests are
// generated, in episodes that begin in a random state; each difference that is wanted has a name, a reason and an example (wanted.ts), any other
// fails. `FERRULE_FUZZ_SEED` repeats a run, with `FERRULE_FUZZ_EPISODE` one episode of it; `FERRULE_FUZZ_MINUTES` is how long it goes on.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startDevServer, type Server } from '../dev-server.ts'
import { faultOf } from './compare.ts'
import { Coverage } from './coverage.ts'
import {
  afterwards,
  clear,
  judge,
  LISTS,
  play,
  prepare,
  requestsOf,
  RESTS,
  settle,
  type Judged,
  type Servers,
} from './episode.ts'
import { at, thingsOf } from './requests/sent.ts'
import { twoFaults } from './parts.ts'
import { startIronic, type Ironic } from './start.ts'
import { explained, type Wanted } from './wanted.ts'
import { WANTED } from './wanted/all.ts'

const SEED = Number(process.env['FERRULE_FUZZ_SEED'] ?? Math.floor(Math.random() * 1_000_000))
const ONLY = process.env['FERRULE_FUZZ_EPISODE']
const MINUTES = Number(process.env['FERRULE_FUZZ_MINUTES'] ?? 2)
const REQUESTS_OF_AN_EPISODE = 80
const MAX_EPISODES = 2000

let ironic: Ironic
let ferrule: Server
let servers: Servers
beforeAll(async () => {
  // One after the other: where the second does not start, the first is known and stopped.
  ironic = await startIronic()
  ferrule = await startDevServer()
  servers = { ironic: ironic.url, ferrule: ferrule.url, aliases: new Map() }
}, 300_000)
afterAll(async () => {
  await Promise.all([ironic?.stop(), ferrule?.stop()])
})

const isWanted = (judged: Judged): boolean => judged.found.every((difference) => explained(judged, difference, WANTED))
const rests = Object.keys(RESTS)
const told = ({ sent, theirs, ours }: Judged): string =>
  `${sent.method} ${sent.path} 1.${sent.version} ${(sent.raw ?? JSON.stringify(sent.body) ?? '').slice(0, 500)}\n    Ironic ${theirs.status} ${faultOf(theirs.body)}\n    Ferrule ${ours.status} ${faultOf(ours.body)}`

it(`answers as Ironic does (seed ${SEED})`, { timeout: (MINUTES + 2) * 60_000 }, async () => {
  const ends = performance.now() + MINUTES * 60_000
  const unexplained: string[] = []
  const met = new Map<string, number>()
  const coverage = new Coverage()
  let [compared, episode] = [0, ONLY === undefined ? 0 : Number(ONLY)]
  for (; episode < MAX_EPISODES && performance.now() < ends; episode++) {
    const things = thingsOf(episode)
    const rest = rests[(SEED + episode) % rests.length]!
    /** Answers whether later requests are still about the same on both. */
    const look = async (judged: Judged): Promise<boolean> => {
      compared++
      coverage.count(judged)
      const all = judged.found.map((difference) => ({ difference, wanted: explained(judged, difference, WANTED) }))
      const isKnown = all.every(({ wanted }) => wanted)
      const parts = isKnown ? undefined : await twoFaults(judged, (sent) => judge(servers, sent), isWanted)
      const meet = (name: string) => met.set(name, (met.get(name) ?? 0) + 1)
      if (parts?.areTwo) meet('two faults of a request')
      else
        for (const { difference, wanted } of all) {
          if (wanted) meet(wanted.name)
          else unexplained.push(`episode ${episode}, ${rest}: ${difference.at} is ${JSON.stringify(difference.theirs)} / ${JSON.stringify(difference.ours)}\n  ${told(judged)}`) // prettier-ignore
        }
      const isRefused = Math.min(judged.theirs.status, judged.ours.status) >= 400
      return !parts?.isChanged && (isRefused || all.every(({ wanted }) => wanted?.harmless === true))
    }
    await clear(servers)
    await prepare(servers, things, rest)
    let isSame = true
    for (const sent of requestsOf(things, SEED * MAX_EPISODES + episode, REQUESTS_OF_AN_EPISODE))
      if (isSame) isSame = await play(servers, sent, things, look)
    if (isSame) for (const path of LISTS) await look(await judge(servers, at('GET', path)))
    if (ONLY !== undefined) break
  }
  const some = [...met].toSorted(([, a], [, b]) => b - a).map(([name, count]) => `${name} (${count})`)
  console.log(`seed ${SEED}: ${compared} answers in ${episode} episodes; wanted differences: ${some.join(', ')}
${coverage}`)
  if (unexplained.length > 0)
    throw new Error(`seed ${SEED}: ${unexplained.length} differences:\n${[...new Set(unexplained)].join('\n')}`)
})

/** Where examples begin, unless they say otherwise. */
const REST = 'manageable'
/** By state, and those that only read first. */
const placeOf = ({ rest = REST, method }: Wanted) => `${rest} ${method?.source === 'GET' ? 0 : 1}`

it('every wanted difference is still one', { timeout: 1_200_000 }, async () => {
  const gone: string[] = []
  let [episode, rest, before] = [MAX_EPISODES, '', '-']
  for (const wanted of WANTED.toSorted((a, b) => placeOf(a).localeCompare(placeOf(b)))) {
    const asked = wanted.rest ?? REST
    if (asked !== rest) {
      // What examples did before is undone; in another state, or where one changed something, the next has things of its own.
      if (!placeOf(wanted).startsWith(before)) await clear(servers)
      before = asked
      await prepare(servers, thingsOf(++episode), asked)
    }
    const sent = wanted.example(thingsOf(episode))
    const judged: Judged[] = []
    for (const each of sent) {
      judged.push(await judge(servers, each))
      if (/\/states\//.test(each.path)) await settle(servers, ...thingsOf(episode).nodes)
    }
    const last = judged.at(-1)!
    const after = /\/states\//.test(last.sent.path) ? await afterwards(servers, last.sent) : undefined
    const isShown = (each: Judged) => each.found.some((difference) => explained(each, difference, [wanted]))
    if (!isShown(last) && !(after && isShown(after)))
      gone.push(`${wanted.name}: ${told(last)}\n    ${JSON.stringify(last.found)}`)
    const isChanged = judged.some(({ sent: { method }, theirs, ours }) => method !== 'GET' && Math.min(theirs.status, ours.status) < 300) // prettier-ignore
    rest = isChanged && !wanted.harmless ? '' : asked
  }
  expect(gone, gone.join('\n')).toEqual([])
})
