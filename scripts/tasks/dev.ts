// `npm run dev`: the embedded server with a conductor of its own, for development, evaluation and conformance suites.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type CloudOptions, DEFAULT_PORT, startCloud } from '../../cloud/hosts/node/start.ts'
import { startConductor } from '../../site-conductor/conductor.ts'
import { resolveConfig } from '../../site-conductor/config.ts'
import { enrol } from '../../site-conductor/cli/enrol.ts'
import { logger } from '../../site-conductor/log.ts'
import { Api } from '../../sim/api.ts'
import { startWorkerdCloud } from '../../sim/workerd-cloud.ts'
import { readOptions } from '../options.ts'
import { onShutdown } from '../shutdown.ts'

const DRIVERS = ['fake-hardware', 'ipmi', 'redfish', 'manual-management']

const HELP = `npm run dev -- [options]

Starts the API server (libSQL files, no other service) with a local conductor, and prints "ready URL".

  --port N      port of the API on 127.0.0.1 (default ${DEFAULT_PORT}; 0 takes a free one)
  --data DIR    keep the data there (default: a temporary folder that is removed at the end)
  --no-auth     requests need no token
  --workerd     the cloud inside workerd (wrangler dev) on an sqld of its own, as it is hosted; needs a token
  --fake N      make N nodes of driver fake-hardware, fake-0 … (those that exist are left alone)
  --conductor FILE  configuration of the local conductor, as in its conductor.json: {"boot": true, "address": "192.0.2.1"} boots the
                machines of a network of yours (as root, with Debian's ipxe and a ramdisk; by default it boots none)
  --verbose     log what cloud and conductor do, on standard error
  --help        this text`

const values = readOptions(HELP, {
  port: { type: 'string', default: String(DEFAULT_PORT) },
  data: { type: 'string' },
  'no-auth': { type: 'boolean', default: false },
  workerd: { type: 'boolean', default: false },
  fake: { type: 'string', default: '0' },
  conductor: { type: 'string' },
  verbose: { type: 'boolean', default: false },
})
const [port, fakeNodes] = [values.port, values.fake].map(Number) as [number, number]
if (!Number.isInteger(port) || port < 0 || port > 65_535 || !Number.isInteger(fakeNodes) || fakeNodes < 0) {
  console.error(`--port and --fake are whole numbers.\n\n${HELP}`)
  process.exit(2)
}
if (values.workerd && values['no-auth']) {
  console.error('--no-auth is for the Node host only: the Worker always wants a token. Leave one of the two out.')
  process.exit(2)
}
console.log(`Node ${process.version}`)
const data = values.data ? resolve(values.data) : mkdtempSync(join(tmpdir(), 'ferrule-dev-'))
const stops: (() => Promise<void> | void)[] = [
  () => (values.data ? undefined : rmSync(data, { recursive: true, force: true })),
]
const stop = async () => {
  for (const each of stops.toReversed()) await each()
}
onShutdown(stop)

try {
  const cloud = await startTheCloud()
  stops.push(() => cloud.close())
  const token = rememberToken(cloud.token)
  const api = new Api(cloud.url, token ?? '')
  await startLocalConductor(api, cloud.url)
  await makeFakeNodes(api, fakeNodes)
  if (!values['no-auth']) console.log(`token ${token ?? 'was shown at the first start'}`)
  console.log(`ready ${cloud.url}`)
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException
  console.error(
    code === 'EADDRINUSE' ? `port ${port} is in use; choose another with --port N (0 takes a free one)` : message,
  )
  await stop()
  process.exit(1)
}

async function startTheCloud(): Promise<{ url: string; token?: string; close(): Promise<void> }> {
  const dataDir = join(data, 'cloud')
  if (values.workerd)
    return startWorkerdCloud({ dataDir, port, onLog: (line) => values.verbose && console.error(line) })
  const log: NonNullable<CloudOptions['log']> = (level, event, fields) => {
    if (values.verbose) console.error(JSON.stringify({ level, event, ...fields }))
  }
  return startCloud({ dataDir, port, noAuth: values['no-auth'], log })
}

/** The first start's token, kept beside the data so that a later start can show it again: this is a server for development. */
function rememberToken(fresh: string | undefined): string | undefined {
  const file = join(data, 'token')
  if (fresh) writeFileSync(file, `${fresh}\n`, { mode: 0o600 })
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
}

async function startLocalConductor(api: Api, url: string): Promise<void> {
  const dataDir = join(data, 'conductor')
  if (!existsSync(join(dataDir, 'identity.json'))) {
    const { sites } = (await api.call('GET', '/sites')) as { sites: { uuid: string }[] }
    const made = (await api.call('POST', `/sites/${sites[0]!.uuid}/enrol-tokens`, {})) as { token: string }
    await enrol({ url, token: made.token, dataDir })
  }
  const given = values.conductor === undefined ? '{}' : readFileSync(values.conductor, 'utf8')
  const { config } = resolveConfig({
    flags: { dataDir, url, ...without(given, { boot: false, drivers: DRIVERS, vncPort: 0 }) },
    file: given,
  })
  const write = (line: string) => values.verbose && console.error(line)
  const conductor = await startConductor({
    config,
    log: logger({ level: 'info', format: 'json', now: Date.now, write }),
  })
  stops.push(() => conductor.close())
  let end: string | undefined
  void conductor.ended.then(
    ({ why }) => (end = why),
    (error: unknown) => (end = String(error)),
  )
  for (let attempt = 0; !conductor.isConnected(); attempt++) {
    if (end !== undefined) throw new Error(`the local conductor cannot connect: ${end}`)
    if (attempt > 200) throw new Error('the local conductor did not connect within 10 s; try --verbose')
    await new Promise((done) => setTimeout(done, 50))
  }
}

/** Of the defaults of this server those that the file does not set. */
function without(file: string, defaults: Record<string, unknown>): Record<string, unknown> {
  const keys = Object.keys(JSON.parse(file) as object)
  return Object.fromEntries(Object.entries(defaults).filter(([key]) => !keys.includes(key)))
}

async function makeFakeNodes(api: Api, count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, i) => `fake-${i}`)
  const { nodes } =
    count > 0 ? ((await api.call('GET', '/nodes?limit=1000')) as { nodes: { name: string }[] }) : { nodes: [] }
  const known = new Set(nodes.map((node) => node.name))
  const missing = names.filter((name) => !known.has(name))
  for (let i = 0; i < missing.length; i += 50) {
    await Promise.all(
      missing.slice(i, i + 50).map((name) => api.call('POST', '/nodes', { name, driver: 'fake-hardware' })),
    )
  }
}
