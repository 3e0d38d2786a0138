// The network interface "flat" (Ironic's word): everything of a node, its provisioning, its cleaning and its instance, is on the one network of its site,
// whose addresses this conductor or another DHCP server gives. The VIFs of its instance are the hub's to keep (cloud/site-hub/vifs.ts).
import { FaultError } from '../../shared/faults.ts'
import type { Implementation } from '../driver.ts'

/** Ironic's fields of driver_info that name a network for a kind of work. */
const NAMES = ['provisioning', 'cleaning', 'rescuing', 'inspection', 'servicing'].map((kind) => `${kind}_network`)

export function flat<Info>(): Record<string, Implementation<Info>> {
  return {
    flat: {
      /** Is the node on that network, as far as can be known without touching it? */
      validate({ node, driverInfo, site }) {
        const named = NAMES.filter((name) => (driverInfo as Record<string, unknown>)[name] !== undefined)
        if (named.length > 0)
          throw new FaultError(
            'driver.invalid_info',
            `driver_info.${named.join(', ')}: a node with network interface flat is on its site's one network for everything`,
            { hint: `remove ${named.join(', ')} from driver_info` },
          )
        if (!node.ports.some(({ pxeEnabled }) => pxeEnabled))
          throw new FaultError('driver.invalid_info', 'no port of the node has pxe_enabled, so it is on no network', {
            hint: 'POST /v1/ports with the MAC address of the NIC that boots',
          })
        if (node.address === null && site.boot?.givesAddresses)
          throw new FaultError('site.no_address', 'the node has no address of the network of its site')
      },
    },
  }
}
