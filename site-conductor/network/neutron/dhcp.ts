// Neutron's DHCP agent, where it gives a machine its address: what the machine boots is told with the ports that it is on its network with.
import type { DhcpOption } from '../../boot/other-dhcp.ts'
import type { Context, OtherDhcp } from '../../driver.ts'
import type { Site } from '../../site.ts'
import { neutronOf } from './api.ts'
import { tenantPlaces } from './cabling.ts'
import { ownPorts } from './work-ports.ts'

export function neutronDhcp<Info>({ openstack }: Site): OtherDhcp<Info> | undefined {
  return openstack?.config.neutron.dhcp === 'neutron' ? { tell } : undefined
}

async function tell<Info>(context: Context<Info>, options: readonly DhcpOption[]): Promise<void> {
  if (options.length === 0) return
  const neutron = neutronOf(context)
  const extra_dhcp_opts = options.map(({ name, value }) => ({ opt_name: name, opt_value: value, ip_version: 4 }))
  for (const id of await currentVifs(context)) await neutron.update(id, { extra_dhcp_opts })
}

/** Ironic's get_current_vif: the ports of what is being done with the machine, or else those of its instance. */
async function currentVifs<Info>(context: Context<Info>): Promise<string[]> {
  const own = await ownPorts(context, neutronOf(context))
  return own.length > 0 ? own.map(({ id }) => id) : tenantPlaces(context.node).map(({ vif }) => vif)
}
