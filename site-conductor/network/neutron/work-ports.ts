// The Neutron ports with which a machine is on a network for a kind of work. 1. They are found by what they are (device_id is the node, device_owner is ours),
// not by what was remembered: whoever dies between a port's creation and its being on record leaves none behind. 2. What is as it should be stays, so
// that doing it twice leaves one port a NIC. 3. A machine is on one such network at a time: another one's ports go first.
import { FaultError } from '../../../shared/faults.ts'
import type { StepContext } from '../../driver.ts'
import { OpenStackError } from '../../openstack/errors.ts'
import { type Neutron, neutronOf, type NeutronPort } from './api.ts'
import { whenActive } from './active.ts'
import { bindingOf, isCabled, type Nic, type Place, tenantPlaces } from './cabling.ts'
import { networkFor, securityGroups, settingsOf, vifKeyOf, type Work, WORK } from './networks.ts'

/** Ironic's word for a port of a machine that no compute service knows of. */
const OWNER = 'baremetal:none'

/** What is told of the node's ports: each one's internal_info, a null for what is gone. */
export type VifFacts = Record<string, Record<string, string | null>>

/** Puts the machine on the network. Answers what its ports have now. */
export async function connect<Info>(context: StepContext<Info>, work: Work): Promise<VifFacts> {
  const neutron = neutronOf(context)
  const network = await networkFor(context, neutron, work)
  const nics = nicsFor(context)
  const groups = securityGroups(context, work)
  const project = (await neutron.project()) ?? network.project_id
  const wanted = nics.map((nic) => {
    const place: Place = { uuid: nic.uuid, nics: [nic], mac: nic.address }
    const group = context.node.portgroups?.find(({ uuid }) => uuid === nic.wiring?.portgroup)
    return {
      nic,
      port: {
        network_id: network.id,
        mac_address: nic.address,
        device_id: context.node.node,
        device_owner: OWNER,
        admin_state_up: true,
        ...bindingOf(context.node.node, place, group),
        ...(groups.length > 0 && { security_groups: groups }),
      },
    }
  })
  const macs = nics.map(({ address }) => address)
  const there = [...(await ownPorts(context, neutron)), ...(await sameMacs(context, neutron, network.id, macs))]
  const kept = new Map<Nic, NeutronPort>()
  for (const old of new Map(there.map((port) => [port.id, port])).values()) {
    const fit = wanted.find(({ nic, port }) => !kept.has(nic) && isAs(old, port))
    if (fit) kept.set(fit.nic, old)
    else await neutron.remove(old.id)
  }
  const failures: FaultError[] = []
  for (const { nic, port } of wanted) {
    if (kept.has(nic)) continue
    try {
      kept.set(nic, await created(neutron, { ...port, ...(project !== undefined && { project_id: project }) }))
    } catch (error) {
      // With one of its NICs a machine can do its work. That nobody answers is another matter: then nothing is known.
      if (!(error instanceof OpenStackError) || error.fault.code === 'openstack.unreachable') throw error
      failures.push(error)
    }
  }
  if (kept.size === 0) throw failures[0]!
  for (const { fault } of failures) context.note('network.port_failed', { network: work, why: fault.message })
  await whenActive(
    context,
    neutron,
    [...kept.values()].map(({ id }) => id),
  )
  context.note('network.connected', { network: work, name: network.name, ports: kept.size })
  return factsOf(context, new Map([...kept].map(([nic, { id }]) => [nic.uuid, id])), work)
}

/** Takes it off again, whichever it is on. */
export async function disconnect<Info>(context: StepContext<Info>): Promise<VifFacts> {
  const neutron = neutronOf(context)
  for (const { id } of await ownPorts(context, neutron)) await neutron.remove(id)
  return factsOf(context, new Map(), undefined)
}

/** Those that boot, and whose switch is known; all such, where the conductor is told so. */
function nicsFor<Info>(context: StepContext<Info>): Nic[] {
  const all = settingsOf(context)?.addAllPorts === true
  const boots = context.node.ports.filter(({ pxeEnabled }) => all || pxeEnabled)
  const nics = boots.filter(isCabled)
  for (const { address } of boots.filter((nic) => !isCabled(nic)))
    context.note('network.not_cabled', { address, why: 'local_link_connection of the port is empty' })
  if (nics.length > 0) return nics
  throw new FaultError(
    'driver.invalid_info',
    boots.length === 0
      ? 'no port of the node has pxe_enabled, so there is none to put on a network'
      : `local_link_connection is empty at all ports of the node that boot (${boots.map(({ address }) => address).join(', ')})`,
    { hint: 'PATCH /v1/ports/{id}: local_link_connection says which port of which switch a NIC is plugged into' },
  )
}

/** Made for this node, by whichever conductor. */
export async function ownPorts<Info>(
  { node }: Pick<StepContext<Info>, 'node'>,
  neutron: Neutron,
): Promise<NeutronPort[]> {
  const tenants = new Set(tenantPlaces(node).map(({ vif }) => vif))
  const found = await neutron.ports({ device_id: node.node, device_owner: OWNER })
  return found.filter(({ id }) => !tenants.has(id))
}

/** Left on this network by a node that had the NIC before: Neutron would refuse the address a second time. */
async function sameMacs<Info>(
  { node }: StepContext<Info>,
  neutron: Neutron,
  network: string,
  macs: readonly string[],
): Promise<NeutronPort[]> {
  const tenants = new Set(tenantPlaces(node).map(({ vif }) => vif))
  const found = await neutron.ports({ network_id: network, mac_address: macs, device_owner: OWNER })
  return found.filter(({ id }) => !tenants.has(id))
}

/** Is the port there what is wanted? Compared is what was asked for. */
function isAs(port: NeutronPort, wanted: Record<string, unknown>): boolean {
  if (port['binding:vif_type'] === FAILED) return false
  return Object.entries(wanted).every(([key, value]) => sorted(port[key as keyof NeutronPort]) === sorted(value))
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  )
}

const FAILED = 'binding_failed'

/** One that nobody wires is taken back: a machine on it would be waited for in vain. */
async function created(neutron: Neutron, wanted: Record<string, unknown>): Promise<NeutronPort> {
  const port = await neutron.create(wanted)
  if (port['binding:vif_type'] !== FAILED) return port
  await neutron.remove(port.id)
  throw new OpenStackError(
    'openstack.refused',
    `no mechanism driver of Neutron binds the port of ${port.mac_address}`,
    {
      hint: 'see the log of neutron-server; local_link_connection of the port and the physical network must be ones that a driver knows',
    },
  )
}

/** Every NIC of the node: with the port that it has for this work, and without those for others. */
function factsOf<Info>(
  { node }: StepContext<Info>,
  ids: ReadonlyMap<string, string>,
  work: Work | undefined,
): VifFacts {
  return Object.fromEntries(
    node.ports.map(({ uuid }) => {
      const id = ids.get(uuid) ?? null
      return [uuid, Object.fromEntries(WORK.map((each) => [vifKeyOf(each), each === work ? id : null]))]
    }),
  )
}
