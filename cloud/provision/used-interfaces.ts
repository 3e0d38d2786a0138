// The interfaces that a node uses: its own, unless its instance asks for others (Ironic's instance_info.<interface>_interface).
import { FaultError } from '../../shared/faults.ts'
import type { NodeRow } from '../schema/rows.ts'
import { liveDrivers } from '../site-hub/state.ts'
import type { Turn } from '../site-hub/turn.ts'

type Names = Readonly<Record<string, string>>

/** One that its driver does not have changes nothing: what reads the machine goes on, and a deployment is refused. */
export function usedInterfaces(turn: Turn, node: NodeRow): Names {
  const own = node.interfaces as Names
  const asked = askedInterfaces(node)
  if (asked.length === 0) return own
  const known = asked.filter(([iface, name]) => hasInterface(turn, node, iface, name))
  return { ...own, ...Object.fromEntries(known) }
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

function hasInterface({ state }: Turn, { driver }: NodeRow, iface: string, name: string): boolean {
  return liveDrivers(state).get(driver)?.interfaces[iface]?.includes(name) ?? false
}
