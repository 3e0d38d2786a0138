// How a machine's NICs are plugged in, in the words in which Neutron tells those who wire switches (binding:profile of a port with vnic type baremetal).
import type { Grant } from '../../../shared/protocol.ts'

export type Nic = Grant['ports'][number]
export type Group = NonNullable<Grant['portgroups']>[number]
/** Something that a network can be attached to. */
export type Place = {
  readonly nics: readonly Nic[]
  readonly group?: Group
  readonly uuid: string
  readonly mac: string | null
}

/** Ports that stand alone, and portgroups with their ports. */
export function placesOf({ ports, portgroups = [] }: Pick<Grant, 'ports' | 'portgroups'>): Place[] {
  const groups = portgroups.map((group) => ({
    uuid: group.uuid,
    group,
    nics: ports.filter(({ wiring }) => wiring?.portgroup === group.uuid),
    mac: group.address,
  }))
  return [...groups, ...ports.map((nic) => ({ uuid: nic.uuid, nics: [nic], mac: nic.address }))]
}

export const vifsOf = ({ group, nics }: Place): Readonly<Record<string, string>> =>
  (group === undefined ? nics[0]!.wiring?.vifs : group.vifs) ?? {}

/** The places that have a network for the instance, with its Neutron port. */
export function tenantPlaces(node: Pick<Grant, 'ports' | 'portgroups'>): { place: Place; vif: string }[] {
  return placesOf(node).flatMap((place) => {
    const vif = vifsOf(place)['tenant_vif_port_id']
    return vif === undefined ? [] : [{ place, vif }]
  })
}

/** Is it known which port of which switch it is plugged into? */
export function isCabled({ wiring }: Nic): boolean {
  return Object.keys(wiring?.link ?? {}).length > 0
}

/** Of a smart NIC its own agent does the wiring. */
const isSmart = ({ nics }: Place): boolean => nics.some(({ wiring }) => wiring?.smartNic === true)

/** What a port has to be like so that it is wired to the place: `host`, who is to wire it. */
export function bindingOf(node: string, place: Place, group = place.group): Record<string, unknown> {
  const smart = isSmart(place)
  const hostname = place.nics[0]?.wiring?.link['hostname']
  const links = place.nics.filter(isCabled).map(({ wiring }) => wiring!.link)
  return {
    'binding:vnic_type': smart ? 'smart-nic' : 'baremetal',
    'binding:host_id': smart && typeof hostname === 'string' ? hostname : node,
    'binding:profile': {
      local_link_information: links,
      ...(group && { local_group_information: groupInformation(group) }),
    },
  }
}

/** Options of the bonding driver begin with "bond", whoever wrote them down without. */
function groupInformation({ uuid, name, mode, properties }: Group): Record<string, unknown> {
  const options = Object.entries(properties).map(([key, value]) => [
    key.startsWith('bond') ? key : `bond_${key}`,
    value,
  ])
  return { id: uuid, name, bond_mode: mode, bond_properties: Object.fromEntries(options) }
}
