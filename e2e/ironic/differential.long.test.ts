// The same requests to a real Ironic 21.4 and to Ferrule: status, shape of the answer, and what state the node is in afterwards. Requests
// are generated; each difference that is wanted has a name and a reason in `wanted.ts`, any other fails.
// `FERRULE_FUZZ_RUNS` sets how many, `FERRULE_FUZZ_SEED` repeats a run.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import fc from 'fast-check'
import { afterAll, beforeAll, it } from 'vitest'
import { startIronic, type Ironic } from './start.ts'
import { nodeLife, requests, type Sent } from './requests.ts'
import { WANTED, type Seen } from './wanted.ts'

const RUNS = Number(process.env['FERRULE_FUZZ_RUNS'] ?? 300)
const SEED = Number(process.env['FERRULE_FUZZ_SEED'] ?? Date.now() % 1_000_000)

let ironic: Ironic
let ferrule: Ironic
beforeAll(async () => {
  ;[ironic, ferrule] = await Promise.all([startIronic(), startFerrule()])
}, 300_000)
afterAll(async () => {
  await Promise.all([ironic?.stop(), ferrule?.stop()])
})

async function startFerrule(): Promise<Ironic> {
  const server = spawn(process.execPath, ['scripts/tasks/dev.ts', '--port', '0', '--no-auth'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(server, 'exit')
  for await (const line of createInterface({ input: server.stdout })) {
    const url = /^ready (\S+)/.exec(line)?.[1]
    if (url === undefined) continue
    const stop = async () => {
      server.kill('SIGTERM')
      await ended
    }
    return { url, stop }
  }
  throw new Error('the development server ended before it was ready')
}

async function ask({ url }: Ironic, { method, path, body, version }: Sent): Promise<Seen> {
  const headers = { 'X-OpenStack-Ironic-API-Version': `1.${version}`, 'Content-Type': 'application/json' }
  const init: RequestInit = { method, headers }
  if (body !== undefined) init.body = JSON.stringify(body)
  const response = await fetch(`${url}${path}`, init)
  const text = await response.text()
  let parsed: unknown
  try {
    parsed = text === '' ? undefined : JSON.parse(text)
  } catch {
    parsed = `no JSON: ${text.slice(0, 100)}`
  }
  return { status: response.status, body: parsed }
}

/** Both answers, and the names of the wanted differences between them; a difference that is left over is told. */
async function compare(sent: Sent, used: Map<string, number>): Promise<string | undefined> {
  const [theirs, ours] = [await ask(ironic, sent), await ask(ferrule, sent)]
  const named = WANTED.filter((difference) => difference.explains(sent, theirs, ours))
  const found = differences(
    theirs,
    ours,
    named.flatMap(({ keys }) => keys ?? []),
  )
  if (found.length === 0) return undefined
  const explaining = named.filter(({ keys }) => keys === undefined)
  for (const { name } of explaining) used.set(name, (used.get(name) ?? 0) + 1)
  if (explaining.length > 0) return undefined
  return `${sent.method} ${sent.path} 1.${sent.version} ${JSON.stringify(sent.body) ?? ''}: ${found.join('; ')}`
}

function differences(theirs: Seen, ours: Seen, ignored: readonly string[]): string[] {
  if (theirs.status !== ours.status) {
    const why = ({ status, body }: Seen) => `${status} ${faultOf(body)}`
    return [`Ironic ${why(theirs)} / Ferrule ${why(ours)}`]
  }
  if (theirs.status >= 400) {
    return faultOf(theirs.body) !== '' && faultOf(ours.body) === '' ? ['no fault text'] : []
  }
  return shapes('', theirs.body, ours.body, ignored)
}

function faultOf(body: unknown): string {
  const text = (body as { error_message?: unknown } | undefined)?.error_message
  if (typeof text !== 'string') return ''
  const inner = JSON.parse(text) as { faultstring?: string; description?: string }
  return inner.faultstring ?? inner.description ?? ''
}

/** Keys, and of values whether they are an object, a list, or something plain. */
function shapes(where: string, theirs: unknown, ours: unknown, ignored: readonly string[]): string[] {
  const kind = (value: unknown) =>
    Array.isArray(value) ? 'list' : value !== null && typeof value === 'object' ? 'object' : 'plain'
  if (kind(theirs) !== kind(ours)) return [`${where} is a ${kind(theirs)} / a ${kind(ours)}`]
  if (Array.isArray(theirs) && Array.isArray(ours)) {
    if (theirs.length !== ours.length) return [`${where} has ${theirs.length} / ${ours.length}`]
    return theirs.length > 0 ? shapes(`${where}[]`, theirs[0], ours[0], ignored) : []
  }
  if (kind(theirs) !== 'object') return []
  // What is inside of these is a person's, or the driver's.
  if (
    /\.(extra|properties|driver_info|instance_info|driver_internal_info|\w+_step|\w*raid_config|network_data)$/.test(
      where,
    )
  )
    return []
  const [a, b] = [theirs as Record<string, unknown>, ours as Record<string, unknown>]
  const missing = Object.keys(a).filter((key) => !(key in b) && !ignored.includes(key))
  const extra = Object.keys(b).filter((key) => !(key in a) && !ignored.includes(key))
  return [
    ...missing.map((key) => `${where}.${key} is missing`),
    ...extra.map((key) => `${where}.${key} is more`),
    ...Object.keys(a).flatMap((key) =>
      key in b && !ignored.includes(key) ? shapes(`${where}.${key}`, a[key], b[key], ignored) : [],
    ),
  ]
}

it(`answers as Ironic does (seed ${SEED})`, { timeout: 1_500_000 }, async () => {
  const used = new Map<string, number>()
  const unexplained: string[] = []
  const judge = async (sent: Sent) => {
    const why = await compare(sent, used)
    if (why !== undefined) unexplained.push(why)
  }
  for (const { sent, state } of nodeLife) {
    await judge(sent)
    if (state === undefined) continue
    for (const server of [ironic, ferrule]) await settled(server, sent.path.split('/')[3]!, state)
  }
  for (const sent of fc.sample(requests, { numRuns: RUNS, seed: SEED })) await judge(sent)
  console.log(`wanted differences met: ${[...used].map(([name, count]) => `${name} (${count})`).join(', ')}`)
  if (unexplained.length > 0)
    throw new Error(`${unexplained.length} differences:\n${[...new Set(unexplained)].join('\n')}`)
})

async function settled(server: Ironic, node: string, state: string): Promise<void> {
  let seen: unknown
  for (let i = 0; i < 600; i++) {
    seen = (await ask(server, { method: 'GET', path: `/v1/nodes/${node}/states`, body: undefined, version: 82 })).body
    const { provision_state: now, target_power_state: power } = seen as Record<string, string | null>
    if (now === state && power === null) return
    await new Promise((done) => setTimeout(done, 100))
  }
  throw new Error(`${server.url}: ${node} did not become ${state}: ${JSON.stringify(seen)}`)
}
