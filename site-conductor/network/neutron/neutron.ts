// The network interface "neutron" (Ironic's word): for each kind of work the machine is put on a network of Neutron, and for its instance on those that are
// attached to the node. The cloud plans the steps around those that boot the machine (cloud/network-steps.ts).
import { z } from 'zod'
import type { Implementation, StepContext, StepResult } from '../../driver.ts'
import { neutronOf } from './api.ts'
import { neutronDhcp } from './dhcp.ts'
import { networkData } from './network-data.ts'
import { configured, networkFor, WORK, type Work } from './networks.ts'
import { bindAll, unbindAll } from './tenant.ts'
import { vifMethods } from './vifs.ts'
import { connect, disconnect } from './work-ports.ts'

/** Without these no node is deployed or cleaned; the others are asked for when they are needed. */
const NEEDED: readonly Work[] = ['provisioning', 'cleaning']

type Step<Info> = (context: StepContext<Info>) => Promise<StepResult | void>

export function neutron<Info>(): Record<string, Implementation<Info>> {
  const work = Object.fromEntries(
    WORK.flatMap((each): [string, Step<Info>][] => [
      [`add_${each}_network`, async (context) => ({ facts: { vifs: await connect(context, each) } })],
      [`remove_${each}_network`, async (context) => ({ facts: { vifs: await disconnect(context) } })],
    ]),
  )
  return {
    neutron: {
      wires: true,
      dhcp: neutronDhcp,
      networkData,
      /** Are the networks there that any node needs, and those that this one names? */
      async validate(context) {
        const asked = neutronOf(context)
        for (const each of WORK)
          if (NEEDED.includes(each) || configured(context, each)) await networkFor(context, asked, each)
      },
      steps: {
        ...work,
        configure_tenant_networks: bindAll,
        /** A network for work that failed, and was not undone, is left with them. */
        async unconfigure_tenant_networks(context) {
          await unbindAll(context)
          return { facts: { vifs: await disconnect(context) } }
        },
        async reattach_networking(context) {
          await unbindAll(context)
          await bindAll(context)
        },
      },
      methods: {
        ...vifMethods<Info>(),
        /** Is there a network for that work? */
        async validate_work(context, args) {
          await networkFor(context, neutronOf(context), z.enum(WORK).parse(args['work']))
        },
      },
      offers: {
        reattach_networking: { service: 0, ramdisk: false },
      },
    },
  }
}
