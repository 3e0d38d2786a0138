// What everybody needs who lets a node's machine in at the boot door.
import { bootModeOf } from '../../shared/capabilities.ts'
import { FaultError } from '../../shared/faults.ts'
import { toBase64Url } from '../../shared/sealing.ts'
import { bootAddress, type BootTicket } from '../boot/ticket.ts'
import type { Context, OtherDhcp, StepContext } from '../driver.ts'
import type { Site, SiteBoot } from '../site.ts'

export function bootOf(site: Site): SiteBoot {
  if (site.boot !== undefined) return site.boot
  throw new FaultError('driver.unsupported', 'boot services are switched off at this conductor', {
    hint: 'set "boot": true in the conductor\'s configuration, or give the node a driver that needs none',
  })
}

/** The DHCP server that the node's network interface knows of; undefined: this conductor's, if any. */
export function otherDhcp({ other, site }: Pick<Context, 'site' | 'other'>): OtherDhcp | undefined {
  return other('network')?.dhcp?.(site)
}

/** It hears what the machine boots that was let in. Told twice, it changes nothing the second time. */
export async function tellDhcp(context: Context): Promise<void> {
  const { node, site } = context
  const firmware = { mode: bootModeOf(node.properties), cpuArch: node.properties['cpu_arch'] }
  await otherDhcp(context)?.tell(context, bootOf(site).door.dhcpOptions(node.node, firmware))
}

export function macsOf({ node }: Pick<Context, 'node'>): string[] {
  const enabled = node.ports.filter((port) => port.pxeEnabled)
  const macs = (enabled.length > 0 ? enabled : node.ports).map((port) => port.address.toLowerCase())
  if (macs.length > 0) return macs
  throw new FaultError(
    'driver.invalid_info',
    `node ${node.name ?? node.node} has no port, so its network boot cannot be recognised`,
    {
      hint: 'POST /v1/ports with the MAC address of the NIC that boots',
    },
  )
}

type Who = Pick<BootTicket, 'node' | 'macs' | 'address' | 'addressElsewhere'>

/** Who is let in, and with which address. */
export function whoOf(context: Pick<Context, 'node' | 'site' | 'other'>): Who {
  const { node, site } = context
  if (otherDhcp(context)) return { node: node.node, macs: macsOf(context), addressElsewhere: true }
  if (node.address === null && bootOf(site).givesAddresses)
    throw new FaultError('site.no_address', `node ${node.name ?? node.node} has no boot address`)
  const address = node.address === null ? {} : { address: bootAddress(node.address) }
  return { node: node.node, macs: macsOf(context), ...address }
}

const BOOT_TOKEN_BYTES = 18
/** 43 characters: agents accept a token of at least 32. */
const AGENT_TOKEN_BYTES = 32

/** Of one boot: the unguessable part of its paths, and what its agent or installer calls with. */
export interface Tokens {
  readonly boot: string
  readonly agent: string
}

/** New ones, and what of them goes on record for a successor. `device`: what loads that boot. */
export async function newTokens(
  { node, site, env }: StepContext<unknown>,
  device: string,
): Promise<{ tokens: Tokens; record: Record<string, unknown> }> {
  const tokens = {
    boot: toBase64Url(env.random(BOOT_TOKEN_BYTES)),
    agent: toBase64Url(env.random(AGENT_TOKEN_BYTES)),
  }
  const record = {
    boot_token: await site.seal(node.node, 'task.boot_token', tokens.boot),
    agent_token: await site.seal(node.node, 'task.agent_token', tokens.agent),
    agent_api: bootOf(site).agentApiUrl,
    ramdisk_device: device,
  }
  return { tokens, record }
}

export function letOut(node: string, site: Site): void {
  site.boot?.door.withdraw(node)
  site.agents.forget(node)
}
