// The networks of a node's instance: Neutron ports that somebody has made and attached (VIFs), wired to the machine while it runs its instance.
import { FaultError } from '../../../shared/faults.ts'
import type { StepContext } from '../../driver.ts'
import { isStatus } from '../../openstack/errors.ts'
import { whenActive } from './active.ts'
import { type Neutron, neutronOf, type NeutronPort } from './api.ts'
import { bindingOf, isCabled, type Place, tenantPlaces } from './cabling.ts'

/** Wires them. An instance without networks is one. */
export async function bindAll<Info>(context: StepContext<Info>): Promise<void> {
  const neutron = neutronOf(context)
  const all = tenantPlaces(context.node)
  for (const { place, vif } of all) await bind(context, neutron, place, vif)
  await whenActive(
    context,
    neutron,
    all.map(({ vif }) => vif),
  )
  context.note('network.tenant', { ports: all.length })
}

export async function unbindAll<Info>(context: StepContext<Info>): Promise<void> {
  const neutron = neutronOf(context)
  for (const { vif } of tenantPlaces(context.node)) await unbind(neutron, vif)
}

export async function bind<Info>(
  { node }: Pick<StepContext<Info>, 'node'>,
  neutron: Neutron,
  place: Place,
  vif: string,
): Promise<void> {
  if (!place.nics.some(isCabled))
    throw new FaultError(
      'driver.invalid_info',
      `local_link_connection is empty at ${place.group ? 'all ports of portgroup' : 'port'} ${place.uuid}, so VIF ${vif} cannot be wired`,
      { hint: 'PATCH /v1/ports/{id}: local_link_connection says which port of which switch a NIC is plugged into' },
    )
  const port = await neutron.port(vif)
  if (port === undefined)
    throw new FaultError('driver.invalid_info', `VIF ${vif} is no port of Neutron (any more)`, {
      hint: `detach it: DELETE /v1/nodes/${node.node}/vifs/${vif}`,
    })
  const isNew = place.mac !== null && place.mac !== port.mac_address
  if (isNew) await unplugged(neutron, port)
  const clientId = place.group === undefined ? place.nics[0]?.wiring?.clientId : undefined
  const bound = await neutron.update(vif, {
    ...(isNew && { mac_address: place.mac }),
    ...bindingOf(node.node, place),
    ...(clientId !== undefined && { extra_dhcp_opts: [clientIdOption(clientId)] }),
  })
  if (bound['binding:vif_type'] === 'binding_failed')
    throw new FaultError('openstack.refused', `no mechanism driver of Neutron binds VIF ${vif}`, {
      hint: 'see the log of neutron-server; local_link_connection of the port and the physical network must be ones that a driver knows',
    })
}

/** DHCP's client identifier (RFC 2132 §9.14), by its number. */
export function clientIdOption(value: string | null): Record<string, unknown> {
  return { opt_name: '61', opt_value: value }
}

/**
 * Of a port that is wired the address cannot be changed: it is unplugged for that, and plugged in by what changes it, or as it was where that is refused.
 * `lost`: where it was plugged in before, of one that somebody has left unplugged in the middle of this.
 */
export async function setMac(neutron: Neutron, port: NeutronPort, mac: string, lost?: string): Promise<void> {
  const host = port['binding:host_id'] || lost
  if (port.mac_address === mac && host === port['binding:host_id']) return
  const binding = host ? { 'binding:host_id': host, 'binding:profile': port['binding:profile'] ?? {} } : {}
  if (port.mac_address !== mac) await unplugged(neutron, port)
  try {
    await neutron.update(port.id, { mac_address: mac, ...binding })
  } catch (error) {
    // What was refused first is what whoever asked has to hear.
    if (host) await neutron.update(port.id, binding).catch(() => {})
    throw error
  }
}

/** Its profile stays, by which whoever goes on sees that it was plugged in. */
async function unplugged(neutron: Neutron, port: NeutronPort): Promise<void> {
  if (port['binding:host_id']) await neutron.update(port.id, { 'binding:host_id': '' })
}

/** Unplugs it, and gives it an address of its own again: the machine's may be needed for another port on the same network. One that is gone is fine. */
export async function unbind(neutron: Neutron, vif: string): Promise<void> {
  try {
    await neutron.update(vif, { 'binding:host_id': '', 'binding:profile': {} })
  } catch (error) {
    if (isStatus(error, 404)) return
    throw error
  }
  try {
    await neutron.update(vif, { mac_address: null })
  } catch (error) {
    // A Neutron without the extension port-mac-address-regenerate: the port keeps the address.
    if (!isStatus(error, 400)) throw error
  }
}
