// A changed port or portgroup that has a VIF (Ironic's port_changed, portgroup_changed): the network service hears of its new address and its DHCP client
// identifier first.
import { isWired } from '../provision/used-interfaces.ts'
import type { SiteRef } from '../ports.ts'
import type { HubCommand } from './commands.ts'
import { checkMatch } from './if-match.ts'
import type { AboutVif, NetworkChange } from './network-changes.ts'
import { findRow, patchedRow, patchRow } from './node-rows.ts'
import { vifOf, type NodeOwned } from './owned-rows.ts'
import type { Turn } from './turn.ts'

type RowPatch = Extract<HubCommand, { kind: 'row.patch' }>

export async function drawRowPatch(turn: Turn, command: RowPatch, site: SiteRef): Promise<NetworkChange> {
  const before = await findRow(turn, command)
  const keep = (later: Turn) => patchRow(later, command, site)
  const vif = before['internal_info'] === undefined ? undefined : vifOf(before)
  if (vif === undefined) return { node: before.node, keep }
  const { after } = await patchedRow(turn, command, site)
  const ask = changed(vif, before, after)
  if (ask === undefined || !isWired(turn, await turn.node(after.node))) return { node: before.node, keep }
  const takeBack = changed(vif, after, before)
  return {
    node: after.node,
    ask,
    ...(takeBack && { takeBack }),
    async keep(later) {
      await checkMatch(later, command)
      return keep(later)
    },
  }
}

/** What the network service has to know of a change; undefined: nothing. */
function changed(vif: string, before: NodeOwned, after: NodeOwned): AboutVif | undefined {
  const [address, clientId] = [after['address'], clientIdOf(after)]
  const changes = {
    ...(address !== null && address !== before['address'] && { address }),
    ...(clientId !== clientIdOf(before) && { clientId }),
  }
  return Object.keys(changes).length === 0 ? undefined : { method: 'vif_changed', args: { vif, ...changes } }
}

function clientIdOf(row: NodeOwned): string | null {
  const id = (row['extra'] as Record<string, unknown>)['client-id'] ?? null
  return id === null ? null : String(id)
}
