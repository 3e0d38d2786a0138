// OpenStack's network_data.json (the shape that nova documents and cloud-init reads): what an instance's networks are to be like. 1. Ids are
// unique, and what is named exists: a machine whose description dangles comes up without a network. 2. Keys that are not described pass.
import { z } from 'zod'
import { parseMac } from './ids.ts'

const Id = z.string().min(1).max(255)
const Mac = z.string().refine((text) => parseMac(text) !== undefined, 'expected a MAC address')
const Address = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], { error: 'expected an IP address' })
/** Dotted, as IPv6 text, or the length of the prefix. */
const Netmask = z.union([z.ipv4(), z.ipv6(), z.int().min(0).max(128), z.string().regex(/^\d{1,3}$/)], {
  error: 'expected a netmask',
})
const common = { id: Id, mtu: z.int().min(68).max(65_535).nullish(), vif_id: z.string().max(255).nullish() }

const Bond = z.looseObject({
  ...common,
  type: z.literal('bond'),
  bond_links: z.array(Id).min(1),
  bond_mode: z.string().max(64).optional(),
  ethernet_mac_address: Mac.optional(),
})
const Vlan = z.looseObject({
  ...common,
  type: z.literal('vlan'),
  vlan_link: Id,
  vlan_id: z.int().min(0).max(4095),
  vlan_mac_address: Mac.optional(),
})
/** A NIC of the machine, by whatever name the network service has for its kind: phy, vif, ovs, tap, … */
const Nic = z.looseObject({
  ...common,
  type: z
    .string()
    .min(1)
    .max(64)
    .refine((type) => type !== 'bond' && type !== 'vlan'),
  ethernet_mac_address: Mac.nullish(),
})

const Service = z.looseObject({ type: z.string().min(1).max(64), address: Address })
const Route = z.looseObject({ network: Address, netmask: Netmask.optional(), gateway: Address })
const network = { id: Id, link: Id, network_id: z.string().max(255).nullish(), services: z.array(Service).optional() }
const Static = z.looseObject({
  ...network,
  type: z.enum(['ipv4', 'ipv6']),
  ip_address: Address,
  netmask: Netmask.optional(),
  gateway: Address.optional(),
  routes: z.array(Route).optional(),
})
const Automatic = z.looseObject({
  ...network,
  type: z.enum(['ipv4_dhcp', 'ipv6_dhcp', 'ipv6_slaac', 'ipv6_dhcpv6-stateful', 'ipv6_dhcpv6-stateless']),
  routes: z.array(Route).optional(),
})

const Described = z
  .looseObject({
    links: z.array(z.union([Bond, Vlan, Nic])).max(256),
    networks: z.array(z.discriminatedUnion('type', [Static, Automatic])).max(256),
    services: z.array(Service).max(256).optional(),
  })
  .superRefine(({ links, networks }, context) => {
    const report = (path: (string | number)[], message: string) => context.addIssue({ code: 'custom', path, message })
    const ids = new Set(links.map(({ id }) => id))
    const isThere = (id: unknown, path: (string | number)[]) => {
      if (!ids.has(String(id))) report(path, `there is no link "${String(id)}"`)
    }
    for (const [i, { id }] of links.entries())
      if (links.findIndex((other) => other.id === id) !== i) report(['links', i, 'id'], `"${id}" is there twice`)
    for (const [i, link] of links.entries()) {
      if (link.type === 'bond') for (const id of link['bond_links'] as string[]) isThere(id, ['links', i, 'bond_links'])
      if (link.type === 'vlan') isThere(link['vlan_link'], ['links', i, 'vlan_link'])
    }
    for (const [i, { link }] of networks.entries()) isThere(link, ['networks', i, 'link'])
  })

export const NETWORK_DATA =
  "networks of the instance as OpenStack's network_data.json describes them: links, networks, services; null: nothing is said about networks"

/** What is wrong with it, for people; undefined when nothing is. Empty: nothing is said about networks. */
export function networkDataProblem(value: unknown): string | undefined {
  if (typeof value === 'object' && value !== null && Object.keys(value).length === 0) return undefined
  const parsed = Described.safeParse(value)
  if (parsed.success) return undefined
  const issue = innermost(parsed.error.issues[0]!)
  return `${['network_data', ...issue.path].join('.')}: ${issue.message}`
}

/** Of a choice that nothing fits, the complaint of the alternative that came closest: one of the right type, or the one that complains deepest. */
function innermost(issue: z.core.$ZodIssue): { path: PropertyKey[]; message: string } {
  if (issue.code !== 'invalid_union') return issue
  const found = issue.errors.flatMap((each) => each.slice(0, 1).map(innermost))
  const nearness = ({ path }: { path: PropertyKey[] }) => path.length + (path.at(-1) === 'type' ? -0.5 : 0)
  const deepest = found.toSorted((a, b) => nearness(b) - nearness(a))[0]
  return deepest ? { path: [...issue.path, ...deepest.path], message: deepest.message } : issue
}
