// A real neutron-server out of Debian's packages: on loopback, without authentication, SQLite, a message bus inside the process. Its mechanism driver is the
// tests' own (testdata): it binds ports of vnic type baremetal as drivers of switches do, and wires nothing.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startDebianService } from '../debian-service.ts'

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

const TESTDATA = join(import.meta.dirname, 'testdata')

export async function startNeutron(): Promise<RealNeutron> {
  const { url, stop } = await startDebianService({
    name: 'Neutron',
    prepare(folder, port) {
      const config = join(folder, 'neutron.conf')
      writeFileSync(config, configOf(folder, port))
      return {
        database: ['/usr/bin/python3', join(TESTDATA, 'make_schema.py'), join(folder, 'neutron.sqlite')],
        server: ['/usr/bin/neutron-server', '--config-file', config],
        env: { PATH: process.env['PATH'], HOME: folder, PYTHONPATH: TESTDATA, PYTHONDONTWRITEBYTECODE: '1' },
      }
    },
    isUp: async (at) =>
      await fetch(`${at}/v2.0/networks`).then(
        ({ ok }) => ok,
        () => false,
      ),
  })
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
