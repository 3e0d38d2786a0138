// The networks that a machine is put on for a kind of work, and who says which: the node, or else its conductor.
import { FaultError } from '../../../shared/faults.ts'
import type { Context } from '../../driver.ts'
import type { NeutronSettings } from '../../openstack/config.ts'
import type { Neutron, NeutronNetwork } from './api.ts'

/** Ironic's words, in the names of steps, of driver_info's fields and of what is kept in internal_info. */
export const WORK = ['provisioning', 'cleaning', 'rescuing', 'inspection', 'servicing'] as const
export type Work = (typeof WORK)[number]

export const fieldOf = (work: Work) => `${work}_network` as const
/** Of a port's internal_info: the Neutron port that it has for that work. */
export const vifKeyOf = (work: Work) => `${work}_vif_port_id` as const

export function settingsOf<Info>({ site }: Pick<Context<Info>, 'site'>): NeutronSettings | undefined {
  return site.openstack?.config.neutron
}

/** What is configured: a name or a UUID, and where it stands; undefined where nothing is. */
export function configured<Info>(context: Context<Info>, work: Work): { ident: string; where: string } | undefined {
  const own = (context.driverInfo as Record<string, unknown>)[fieldOf(work)]
  if (own !== undefined && own !== null && own !== '')
    return { ident: String(own), where: `driver_info.${fieldOf(work)}` }
  const site = settingsOf(context)?.networks[work]
  return site === undefined ? undefined : { ident: site, where: `neutron.networks.${work} of the conductor` }
}

/** Throws a fault that says where to name one. */
export async function networkFor<Info>(context: Context<Info>, neutron: Neutron, work: Work): Promise<NeutronNetwork> {
  const named = configured(context, work)
  if (named === undefined)
    throw new FaultError('driver.invalid_info', `no ${work} network is configured`, {
      hint: `set driver_info.${fieldOf(work)} of the node, or neutron.networks.${work} in the OpenStack file of the conductors`,
    })
  return await neutron.network(named.ident, named.where)
}

/** UUIDs; empty: those that Neutron gives by itself. */
export function securityGroups<Info>(context: Context<Info>, work: Work): readonly string[] {
  const own = (context.driverInfo as Record<string, unknown>)[`${fieldOf(work)}_security_groups`]
  if (own === undefined || own === null) return settingsOf(context)?.securityGroups[work] ?? []
  if (Array.isArray(own) && own.every((each) => typeof each === 'string')) return own
  throw new FaultError(
    'driver.invalid_info',
    `driver_info.${fieldOf(work)}_security_groups: expected a list of the UUIDs of security groups`,
  )
}
