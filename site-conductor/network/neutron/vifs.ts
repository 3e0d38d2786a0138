// What the cloud asks about the VIFs of a node: what they are, and to plug one in or out. The rows are the hub's (cloud/site-hub/vifs.ts), and may be newer than
// the grant: the place comes with the question.
import { z } from 'zod'
import { FaultError } from '../../../shared/faults.ts'
import type { Context, Implementation } from '../../driver.ts'
import { type Neutron, type NeutronNetwork, neutronOf, type NeutronPort } from './api.ts'
import { bindingOf, placesOf, tenantPlaces } from './cabling.ts'
import { bind, clientIdOption, setMac, unbind } from './tenant.ts'

const Vif = z.object({ vif: z.string() })
const Attach = Vif.extend({ place: z.string(), active: z.boolean() })
const Change = Vif.extend({ address: z.string().optional(), clientId: z.string().nullable().optional() })

export function vifMethods<Info>(): NonNullable<Implementation<Info>['methods']> {
  return {
    /** {physical}: the physical networks that it is on. */
    async vif_facts(context, args) {
      const { vif } = Vif.parse(args)
      const neutron = neutronOf(context)
      return { physical: await physicalNetworks(neutron, vif) }
    },
    async vif_attach(context, args) {
      const { vif, place: uuid, active } = Attach.parse(args)
      const place = placesOf(context.node).find((each) => each.uuid === uuid)
      if (place === undefined) throw new FaultError('unavailable', `the conductor does not know port ${uuid} yet`)
      const neutron = neutronOf(context)
      if (active) await bind(context, neutron, place, vif)
      else if (place.mac !== null) await setMac(neutron, await portOf(neutron, vif), place.mac)
    },
    async vif_detach(context, args) {
      await unbind(neutronOf(context), Vif.parse(args).vif)
    },
    /** Ironic's port_changed and portgroup_changed, of a port that has a VIF. */
    async vif_changed(context, args) {
      const { vif, address, clientId } = Change.parse(args)
      const neutron = neutronOf(context)
      if (address !== undefined) await moved(context, neutron, vif, address)
      if (clientId !== undefined) await neutron.update(vif, { extra_dhcp_opts: [clientIdOption(clientId)] })
    },
  }
}

/** Another address. One that has no host and still its cables was unplugged by somebody who did not come to its new address. */
async function moved<Info>({ node }: Context<Info>, neutron: Neutron, vif: string, address: string): Promise<void> {
  const port = await portOf(neutron, vif)
  const cables = port['binding:profile']?.['local_link_information']
  const place = tenantPlaces(node).find((each) => each.vif === vif)?.place
  const isLost = !port['binding:host_id'] && Array.isArray(cables) && cables.length > 0 && place !== undefined
  await setMac(neutron, port, address, isLost ? String(bindingOf(node.node, place)['binding:host_id']) : undefined)
}

async function portOf(neutron: Neutron, vif: string): Promise<NeutronPort> {
  const port = await neutron.port(vif)
  if (port !== undefined) return port
  throw new FaultError('request.invalid', `VIF ${vif} is no port of Neutron`, {
    hint: '"openstack port list" shows them; its UUID is what is attached',
  })
}

async function physicalNetworks(neutron: Neutron, vif: string): Promise<string[]> {
  const port = await portOf(neutron, vif)
  const network: NeutronNetwork = await neutron.network(port.network_id, `the network of VIF ${vif}`)
  const segments = network.segments ?? [network]
  const names = segments.map((segment) => segment['provider:physical_network'])
  return [...new Set(names.filter((name): name is string => typeof name === 'string' && name !== ''))]
}
