// A real Ironic out of Debian's packages: API and conductor as processes of their own on loopback, fake hardware, no authentication, JSON-RPC
// between the two. Everything is in one folder, which goes at the end.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync, openSync, closeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../sim/free-port.ts'

export interface Ironic {
  readonly url: string
  /** API and conductor; their workers are children of these. */
  readonly pids: readonly number[]
  stop(): Promise<void>
}

export interface IronicOptions {
  /** Its empty database, as SQLAlchemy connects to it; an SQLite file without. */
  readonly connection?: string
  /** Workers of the API, 1 without. */
  readonly apiProcesses?: number
  /** Seconds between its looks at the power state of all nodes; 0: it does not look. */
  readonly powerSweepS?: number
}

const START_TRIES = 600

export async function startIronic(options: IronicOptions = {}): Promise<Ironic> {
  const folder = mkdtempSync(join(tmpdir(), 'ferrule-ironic-'))
  const [api, rpc] = [await freePort(), await freePort()]
  const config = join(folder, 'ironic.conf')
  writeFileSync(config, configOf(folder, api, rpc, options))
  const made = spawnSync('ironic-dbsync', ['--config-file', config, 'create_schema'], { encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`ironic-dbsync: ${made.error ?? made.stderr.slice(-2000)}`)
  const children = ['ironic-conductor', 'ironic-api'].map((name) => start(name, config, folder))
  const kill = () => {
    // Workers are children of their own, in the group.
    for (const child of children.filter(isAlive)) process.kill(-child.pid!, 'SIGKILL')
  }
  const remove = () => rmSync(folder, { recursive: true, force: true })
  // Who is interrupted comes to no stop().
  const abandon = () => (kill(), remove())
  process.once('exit', abandon)
  const stop = async () => {
    const ended = children.filter(isAlive).map((child) => once(child, 'exit'))
    kill()
    await Promise.all(ended)
    remove()
    process.off('exit', abandon)
  }
  const url = `http://127.0.0.1:${api}`
  for (let i = 0; i < START_TRIES; i++) {
    if (await servesDrivers(url)) return { url, pids: children.map(({ pid }) => pid!), stop }
    await sleep(100)
  }
  const logs = ['ironic-conductor', 'ironic-api'].map((name) =>
    readFileSync(join(folder, `${name}.log`), 'utf8').slice(-2000),
  )
  await stop()
  throw new Error(`Ironic did not start: ${logs.join('\n')}`)
}

const isAlive = (child: ChildProcess) => child.exitCode === null && child.signalCode === null

function start(name: string, config: string, folder: string): ChildProcess {
  const log = openSync(join(folder, `${name}.log`), 'a')
  const child = spawn(name, ['--config-file', config], { stdio: ['ignore', log, log], detached: true })
  closeSync(log)
  return child
}

async function servesDrivers(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/v1/drivers`)
    return response.ok && (await response.text()).includes('fake-hardware')
  } catch {
    return false
  }
}

function configOf(folder: string, api: number, rpc: number, options: IronicOptions): string {
  const { connection = `sqlite:///${folder}/ironic.db`, apiProcesses = 1, powerSweepS = 60 } = options
  const fake = ['bios', 'boot', 'console', 'deploy', 'inspect', 'management', 'power', 'raid', 'rescue', 'vendor']
  return `[DEFAULT]
auth_strategy = noauth
enabled_hardware_types = fake-hardware
${fake.map((name) => `enabled_${name}_interfaces = fake`).join('\n')}
enabled_network_interfaces = noop
enabled_storage_interfaces = noop,fake
default_network_interface = noop
default_storage_interface = noop
rpc_transport = json-rpc
host = 127.0.0.1
state_path = ${folder}
[json_rpc]
auth_strategy = noauth
host_ip = 127.0.0.1
port = ${rpc}
[database]
connection = ${connection}
[conductor]
sync_power_state_interval = ${powerSweepS}
[oslo_concurrency]
lock_path = ${folder}
[api]
host_ip = 127.0.0.1
port = ${api}
api_workers = ${apiProcesses}
${['service_catalog', 'inspector', 'neutron', 'glance', 'swift'].map((name) => `[${name}]\nauth_type = none`).join('\n')}
`
}
