// What is asked of Neutron (Networking API v2.0), by its own words.
import { FaultError } from '../../../shared/faults.ts'
import type { Context } from '../../driver.ts'
import { isStatus } from '../../openstack/errors.ts'
import { pathOf } from '../../openstack/path-of.ts'

export const NEUTRON = { name: 'Neutron', types: ['network'], version: '/v2.0' }

export interface NeutronPort {
  readonly id: string
  readonly name: string
  readonly network_id: string
  readonly mac_address: string
  readonly status: string
  readonly device_id: string
  readonly device_owner: string
  readonly fixed_ips: readonly { readonly subnet_id: string; readonly ip_address: string }[]
  readonly 'binding:host_id'?: string
  readonly 'binding:vnic_type'?: string
  readonly 'binding:vif_type'?: string
  readonly 'binding:profile'?: Record<string, unknown>
  readonly security_groups?: readonly string[]
}
export interface NeutronNetwork {
  readonly id: string
  readonly name: string
  readonly mtu?: number
  readonly project_id?: string
  readonly 'provider:physical_network'?: string | null
  readonly segments?: readonly { readonly 'provider:physical_network'?: string | null }[]
}
export interface NeutronSubnet {
  readonly id: string
  readonly ip_version: 4 | 6
  readonly cidr: string
  readonly gateway_ip: string | null
  readonly enable_dhcp: boolean
  readonly ipv6_address_mode?: string | null
  readonly dns_nameservers: readonly string[]
  readonly host_routes: readonly { readonly destination: string; readonly nexthop: string }[]
}

type Query = Readonly<Record<string, string | readonly string[] | undefined>>

export interface Neutron {
  /** By UUID or by name. Throws a fault that says what was asked for where there is none, or where there are several. */
  network(ident: string, what: string): Promise<NeutronNetwork>
  subnet(id: string): Promise<NeutronSubnet>
  ports(query: Query): Promise<NeutronPort[]>
  /** Undefined: there is none such. */
  port(id: string): Promise<NeutronPort | undefined>
  create(port: Record<string, unknown>): Promise<NeutronPort>
  update(id: string, changes: Record<string, unknown>): Promise<NeutronPort>
  /** One that is gone is fine. */
  remove(id: string): Promise<void>
  /** Whose resources are made: the login's project. Undefined without a login. */
  project(): Promise<string | undefined>
}

/** Throws where this conductor knows of no OpenStack. */
export function neutronOf<Info>({ site, signal, before }: Pick<Context<Info>, 'site' | 'signal' | 'before'>): Neutron {
  const { openstack } = site
  if (openstack === undefined)
    throw new FaultError('driver.invalid_info', 'this conductor knows of no Neutron', {
      hint: 'set openstackFile in the configuration of the conductors of this site, or network_interface of the node to noop or flat',
    })
  const { ask } = openstack.service(NEUTRON)
  const read = async <T>(path: string, query: Query = {}) => await ask<T>('GET', path, { query, signal })
  const change = { signal, before }
  return {
    async network(ident, what) {
      const byId = await read<{ networks: NeutronNetwork[] }>('/networks', { id: ident })
      const { networks } = byId.networks.length > 0 ? byId : await read<typeof byId>('/networks', { name: ident })
      if (networks.length === 1) return networks[0]!
      const found = networks.length === 0 ? 'Neutron has no network' : `Neutron has ${networks.length} networks`
      throw new FaultError('driver.invalid_info', `${what}: ${found} ${ident}`, {
        hint: `set ${what} to the UUID of a network: "openstack network list" shows them`,
      })
    },
    subnet: async (id) => (await read<{ subnet: NeutronSubnet }>(pathOf('subnets', id))).subnet,
    ports: async (query) => (await read<{ ports: NeutronPort[] }>('/ports', query)).ports,
    async port(id) {
      try {
        return (await read<{ port: NeutronPort }>(pathOf('ports', id))).port
      } catch (error) {
        if (isStatus(error, 404)) return undefined
        throw error
      }
    },
    create: async (port) => (await ask<{ port: NeutronPort }>('POST', '/ports', { body: { port }, ...change })).port,
    update: async (id, port) =>
      (await ask<{ port: NeutronPort }>('PUT', pathOf('ports', id), { body: { port }, ...change })).port,
    async remove(id) {
      try {
        await ask('DELETE', pathOf('ports', id), change)
      } catch (error) {
        if (!isStatus(error, 404)) throw error
      }
    },
    project: () => openstack.projectId(signal),
  }
}
