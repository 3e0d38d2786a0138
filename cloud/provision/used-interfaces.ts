// The interfaces that a node uses: its own, unless its instance asks for others (Ironic's instance_info.<interface>_interface), or asked for them when it was
// deployed. A deploy interface that only chooses (`autodetect`) stands for the one that it chooses by the instance.
import { FaultError } from '../../shared/faults.ts'
import type { DeploymentFacts } from '../../shared/protocol.ts'
import type { NodeRow } from '../schema/rows.ts'
import { driverOf } from '../site-hub/drivers.ts'
import type { Turn } from '../site-hub/turn.ts'
import { deployedOf } from './deployed.ts'

type Names = Readonly<Record<string, string>>

/** One that its driver does not have changes nothing: what reads the machine goes on, and a deployment is refused. */
export function usedInterfaces(turn: Turn, node: NodeRow): Names {
  const asked = deployedOf(node)?.interfaces
  const known = (asked ? Object.entries(asked) : askedInterfaces(node)).filter(([iface, name]) =>
    hasInterface(turn, node, iface, name),
  )
  const used =
    known.length === 0 ? (node.interfaces as Names) : { ...(node.interfaces as Names), ...Object.fromEntries(known) }
  const { deploy } = used
  if (deploy === undefined) return used
  const chosen = chosenBy(turn, node, deploy)
  return chosen === deploy ? used : { ...used, deploy: chosen }
}

/** Does the node's network interface put the machine from one network to another? */
export function isWired(turn: Turn, node: NodeRow): boolean {
  const { wires = [] } = driverOf(turn.state, node) ?? {}
  return wires.length > 0 && wires.includes(usedInterfaces(turn, node)['network'] ?? '')
}

/** What a deploy interface comes to for the instance that the node has: itself, unless it chooses; with no instance that one takes, the last. */
export function chosenBy({ state }: Turn, node: NodeRow, deploy: string): string {
  const { deployments = {}, interfaces } = driverOf(state, node) ?? {}
  const choices = deployments[deploy]?.chooses?.filter((name) => interfaces?.['deploy']?.includes(name)) ?? []
  return choices.find((name) => takes(deployments[name], node.instance_info as Fields)) ?? choices.at(-1) ?? deploy
}

type Fields = Readonly<Record<string, unknown>>

function takes(facts: DeploymentFacts | undefined, info: Fields): boolean {
  const byFields = (facts?.takes ?? []).some(
    ({ has, lacks = [] }) => has.every((name) => isGiven(info[name])) && !lacks.some((name) => isGiven(info[name])),
  )
  const prefixes = Object.entries(facts?.takesPrefixed ?? {})
  return byFields || prefixes.some(([name, prefix]) => String(info[name] ?? '').startsWith(prefix))
}

/** Flags are given as words, too. */
function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && !/^(false|no|off|0)$/i.test(String(value))
}

/** Those of them that the instance has asked for. */
export function instanceInterfaces(turn: Turn, node: NodeRow): Names {
  const used = usedInterfaces(turn, node)
  const known = askedInterfaces(node).filter(([iface, name]) => hasInterface(turn, node, iface, name))
  return Object.fromEntries(known.map(([iface]) => [iface, used[iface]!]))
}

/** Throws 400 where the instance asks for what the node's driver does not have. */
export function refuseUnknownInterfaces(turn: Turn, node: NodeRow): void {
  const unknown = askedInterfaces(node).find(([iface, name]) => !hasInterface(turn, node, iface, name))
  if (unknown)
    throw new FaultError(
      'request.invalid',
      `instance_info.${unknown[0]}_interface: driver ${node.driver} has no ${unknown[0]} interface ${unknown[1]}.`,
    )
}

function askedInterfaces({ interfaces, instance_info: info }: NodeRow): [iface: string, name: string][] {
  return Object.keys(interfaces as Names).flatMap((iface): [string, string][] => {
    const name = (info as Record<string, unknown>)[`${iface}_interface`]
    return name === undefined || name === null ? [] : [[iface, String(name)]]
  })
}

function hasInterface({ state }: Turn, node: NodeRow, iface: string, name: string): boolean {
  return driverOf(state, node)?.interfaces[iface]?.includes(name) ?? false
}
