// A Neutron in memory for unit tests, as much of it as is asked for; how a real one answers is shown by e2e/neutron. It refuses an address twice on a network,
// and one that is changed while the port is bound, as Neutron does.
import type { FakeAnswer, FakeRequest } from '../../openstack/fake-keystone.ts'
import type { NeutronPort } from './api.ts'

type Port = Record<string, unknown> & { id: string }

export class FakeNeutron {
  readonly networks = [
    { id: 'n-prov', name: 'prov', project_id: 'p', 'provider:physical_network': 'phys1' },
    { id: 'n-clean', name: 'clean', project_id: 'p', 'provider:physical_network': 'phys1' },
    { id: 'n-twin-1', name: 'twin', project_id: 'p' },
    { id: 'n-twin-2', name: 'twin', project_id: 'p' },
    { id: 'n-tenant', name: 'tenant', project_id: 't', mtu: 1500, 'provider:physical_network': 'phys2' },
  ]
  readonly subnets: Record<string, unknown>[] = []
  ports: Port[] = []
  /** No mechanism driver binds a port. */
  unbound = false
  status = 'ACTIVE'
  /** Answers instead of it, where it answers something; `done`: what the request came to. */
  instead: (request: FakeRequest, done: () => FakeAnswer) => FakeAnswer | 'silence' | undefined = () => undefined
  /** What changed something, such as "POST /ports". */
  readonly changes: string[] = []
  #made = 0

  readonly answer = (request: FakeRequest): FakeAnswer | undefined => {
    let answer: FakeAnswer | undefined
    const done = () => (answer ??= this.#act(request))
    const other = this.instead(request, done)
    return other === 'silence' ? undefined : (other ?? done())
  }

  port(more: Record<string, unknown>): NeutronPort {
    const port = {
      id: `port-${++this.#made}`,
      status: this.status,
      device_id: '',
      device_owner: '',
      'binding:host_id': '',
      'binding:profile': {},
      fixed_ips: [],
      ...more,
    }
    this.ports.push(port)
    return port as unknown as NeutronPort
  }

  #act({ method, path, body }: FakeRequest): FakeAnswer {
    const url = new URL(path, 'http://x')
    const [, , kind = '', id] = url.pathname.split('/')
    if (method !== 'GET') this.changes.push(`${method} /${kind}`)
    if (kind === 'networks') return { body: { networks: filtered(this.networks, url) } }
    if (kind === 'subnets') return { body: { subnet: this.subnets.find((subnet) => subnet['id'] === id) } }
    const found = this.ports.find((port) => port.id === id)
    if (method === 'GET' && id === undefined) return { body: { ports: filtered(this.ports, url) } }
    if (method === 'POST') return this.#create((body as { port: Record<string, unknown> }).port)
    if (found === undefined)
      return { status: 404, body: { NeutronError: { message: `Port ${id} could not be found.` } } }
    if (method === 'DELETE') this.ports = this.ports.filter((port) => port !== found)
    if (method === 'PUT') return this.#update(found, (body as { port: Record<string, unknown> }).port)
    return method === 'DELETE' ? { status: 204 } : { body: { port: found } }
  }

  #create(wanted: Record<string, unknown>): FakeAnswer {
    if (this.#isTaken(wanted['network_id'], wanted['mac_address']))
      return { status: 409, body: { NeutronError: { message: `MAC address ${wanted['mac_address']} is in use.` } } }
    return { status: 201, body: { port: this.port({ ...wanted, 'binding:vif_type': this.#vifType() }) } }
  }

  #update(port: Port, changes: Record<string, unknown>): FakeAnswer {
    const mac = changes['mac_address']
    if (mac !== undefined && mac !== null && mac !== port['mac_address']) {
      if (port['binding:host_id']) return { status: 409, body: { NeutronError: { message: 'the port is bound' } } }
      if (this.#isTaken(port['network_id'], mac))
        return { status: 409, body: { NeutronError: { message: `MAC address ${mac} is in use.` } } }
    }
    Object.assign(port, changes, mac === null && { mac_address: `fa:16:3e:00:00:0${++this.#made}` })
    if (port['binding:host_id']) port['binding:vif_type'] = this.#vifType()
    return { body: { port } }
  }

  #vifType(): string {
    return this.unbound ? 'binding_failed' : 'other'
  }

  #isTaken(network: unknown, mac: unknown): boolean {
    return this.ports.some((port) => port['network_id'] === network && port['mac_address'] === mac)
  }
}

function filtered<T extends Record<string, unknown>>(all: readonly T[], { searchParams: query }: URL): T[] {
  return all.filter((each) => [...new Set(query.keys())].every((key) => query.getAll(key).includes(String(each[key]))))
}
