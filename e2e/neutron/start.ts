// A real neutron-server out of Debian's packages: on loopback, without authentication, SQLite, a message bus inside the process. Its mechanism driver is the
// tests' own (testdata): it binds ports of vnic type baremetal as drivers of switches do, and wires nothing. Everything is in one folder, which goes at the end.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** Of what an administrator makes, and what Neutron takes it for where nobody logs in. */
export const PROJECT = 'operators'

export interface Port {
  readonly id: string
  readonly network_id: string
  readonly mac_address: string
  readonly status: string
  readonly device_id: string
  readonly 'binding:host_id': string
  readonly 'binding:vnic_type': string
  readonly 'binding:vif_type': string
  readonly 'binding:profile': Readonly<Record<string, unknown>>
  readonly extra_dhcp_opts: readonly Readonly<Record<string, unknown>>[]
}
/** Of those answers there are, what the tests look at. */
export interface Answer {
  readonly ports: readonly Port[]
  readonly port: Port
  readonly network: { readonly id: string; readonly name: string }
}

export interface RealNeutron {
  readonly url: string
  /** The JSON of the answer. Throws with what Neutron says of a request that it refuses. */
  ask(method: string, path: string, body?: unknown): Promise<Answer>
  /** A network with one subnet, by its name; answers the network. */
  network(name: string, cidr: string, physical?: string): Promise<{ id: string; name: string }>
  stop(): Promise<void>
}

const START_TRIES = 600
const TESTDATA = join(import.meta.dirname, 'testdata')

export async function startNeutron(): Promise<RealNeutron> {
  const folder = mkdtempSync(join(tmpdir(), 'ferrule-neutron-'))
  const port = await freePort()
  const config = join(folder, 'neutron.conf')
  writeFileSync(config, configOf(folder, port))
  const env = { PATH: process.env['PATH'], HOME: folder, PYTHONPATH: TESTDATA, PYTHONDONTWRITEBYTECODE: '1' }
  const database = join(folder, 'neutron.sqlite')
  const made = spawnSync('/usr/bin/python3', [join(TESTDATA, 'make_schema.py'), database], { env, encoding: 'utf8' })
  if (made.status !== 0) throw new Error(`Neutron's tables: ${made.error ?? made.stderr.slice(-2000)}`)
  const log = openSync(join(folder, 'log'), 'a')
  const child = spawn('/usr/bin/neutron-server', ['--config-file', config], {
    env,
    stdio: ['ignore', log, log],
    detached: true,
  })
  closeSync(log)
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit')
      // Its workers are children of its own.
      process.kill(-child.pid!, 'SIGKILL')
      await ended
    }
    rmSync(folder, { recursive: true, force: true })
  }
  const url = `http://127.0.0.1:${port}`
  const ask: RealNeutron['ask'] = async (method, path, body) => {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${url}/v2.0${path}`, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`Neutron: ${method} ${path}: ${response.status} ${text}`)
    return JSON.parse(text || '{}') as Answer
  }
  for (let i = 0; i < START_TRIES; i++) {
    if (await ask('GET', '/networks').catch(() => undefined)) {
      return {
        url,
        ask,
        stop,
        async network(name, cidr, physical = 'physnet1') {
          const kind = { 'provider:network_type': 'vlan', 'provider:physical_network': physical }
          const { network } = await ask('POST', '/networks', { network: { name, project_id: PROJECT, ...kind } })
          const subnet = { network_id: network.id, project_id: PROJECT, ip_version: 4, cidr }
          await ask('POST', '/subnets', { subnet: { ...subnet, dns_nameservers: ['10.9.9.9'] } })
          return network
        },
      }
    }
    await sleep(100)
  }
  const said = readFileSync(join(folder, 'log'), 'utf8').slice(-2000)
  await stop()
  throw new Error(`Neutron did not start: ${said}`)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const { port } = server.address() as AddressInfo
  await new Promise((done) => server.close(done))
  return port
}

function configOf(folder: string, port: number): string {
  return `[DEFAULT]
auth_strategy = noauth
core_plugin = ml2
service_plugins =
transport_url = fake://
bind_host = 127.0.0.1
bind_port = ${port}
api_workers = 1
rpc_workers = 0
rpc_state_report_workers = 0
state_path = ${folder}/state
notify_nova_on_port_status_changes = false
notify_nova_on_port_data_changes = false
dhcp_agent_notification = false
[database]
connection = sqlite:///${folder}/neutron.sqlite
[oslo_concurrency]
lock_path = ${folder}/lock
[quotas]
quota_network = -1
quota_subnet = -1
quota_port = -1
[ml2]
type_drivers = flat,vlan
tenant_network_types = vlan
mechanism_drivers = ferrule_baremetal
extension_drivers = port_security
[ml2_type_vlan]
network_vlan_ranges = physnet1:100:199,physnet2:200:299
`
}
