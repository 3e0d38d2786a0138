// A changed port or portgroup that has a VIF (Ironic's port_changed, portgroup_changed): the network service hears of its new address and its DHCP client
// identifier before the answer. What it refuses is put back.
import { FaultError } from '../../../shared/faults.ts'
import type { PatchOperation } from '../../site-hub/commands.ts'
import type { Call } from '../call.ts'
import { order } from '../nodes/find.ts'
import { askAbout, isWired } from '../nodes/vifs.ts'
import type { Writer } from '../resource.ts'

interface Wired {
  readonly node: string
  readonly address: string | null
  readonly clientId: string | null
  readonly vif: string | null
}

const TABLES = { port: 'ports', portgroup: 'portgroups' } as const

export function rewired(table: keyof typeof TABLES, writer: Writer): Writer {
  return {
    ...writer,
    async patch(...given) {
      const [call, row] = given
      const before = await read(call, table, row.uuid)
      await writer.patch(...given)
      const after = await read(call, table, row.uuid)
      if (before?.vif == null || after?.vif !== before.vif) return
      const changes = {
        ...(after.address !== null && after.address !== before.address && { address: after.address }),
        ...(after.clientId !== before.clientId && { clientId: after.clientId }),
      }
      const node = { uuid: after.node, site: row.site! }
      if (Object.keys(changes).length === 0 || !(await isWired(call, node))) return
      try {
        await askAbout(call, node, 'vif_changed', { vif: after.vif, ...changes })
      } catch (error) {
        await order(call, row.site!, { kind: 'row.patch', table, uuid: row.uuid, patch: putBack(before, after) })
        throw error
      }
    },
  }
}

async function read(call: Call, table: keyof typeof TABLES, uuid: string): Promise<Wired | undefined> {
  const [row] = await call.sql.all(
    `SELECT node, address, extra ->> '$."client-id"', internal_info ->> '$.tenant_vif_port_id' FROM ${TABLES[table]} WHERE uuid = ?`,
    [uuid],
  )
  if (!row) throw new FaultError('not_found', `${table} ${uuid} could not be found.`)
  const [node, address, clientId, vif] = row.map((value) => (value === null ? null : String(value)))
  return { node: node!, address: address!, clientId: clientId!, vif: vif! }
}

function putBack(before: Wired, after: Wired): PatchOperation[] {
  const path = '/extra/client-id'
  const back: PatchOperation[] =
    before.clientId !== null
      ? [{ op: 'add', path, value: before.clientId }]
      : after.clientId !== null
        ? [{ op: 'remove', path }]
        : []
  return [{ op: 'add', path: '/address', value: before.address }, ...back]
}
