// How a node's ports and portgroups are cabled, for a conductor that wires them, and what it has told of the Neutron ports that they have: these are
// keys of internal_info, as Ironic's.
import { z } from 'zod'
import type { Grant } from '../../shared/protocol.ts'
import { portgroups } from '../schema/organisation-resources.ts'
import { ports } from '../schema/organisation.ts'
import { stampAfter, update, type NodeRow, type PortRow } from '../schema/rows.ts'
import { rowsWith, type NodeOwned } from './owned-rows.ts'
import type { Turn } from './turn.ts'

type Wiring = NonNullable<Grant['ports'][number]['wiring']>
type Fields = Readonly<Record<string, unknown>>

export function wiringOf(port: PortRow): Wiring {
  const clientId = (port.extra as Fields)['client-id']
  return {
    link: port.local_link_connection as Record<string, unknown>,
    ...(port.portgroup !== null && { portgroup: port.portgroup }),
    ...(port.is_smartnic && { smartNic: true }),
    ...(typeof clientId === 'string' && { clientId: clientId.slice(0, 255) }),
    vifs: vifsIn(port.internal_info as Fields),
  }
}

export function portgroupOf(row: NodeOwned): NonNullable<Grant['portgroups']>[number] {
  const text = (column: string) => (row[column] === null ? null : String(row[column]))
  return {
    uuid: row.uuid,
    name: text('name'),
    address: text('address'),
    mode: text('mode'),
    properties: row['properties'] as Record<string, unknown>,
    vifs: vifsIn(row['internal_info'] as Fields),
  }
}

const KEY = /^[a-z]{1,40}_vif_port_id$/

function vifsIn(internal: Fields): Record<string, string> {
  const pairs = Object.entries(internal).filter((pair): pair is [string, string] => {
    return KEY.test(pair[0]) && typeof pair[1] === 'string' && pair[1].length <= 255
  })
  return Object.fromEntries(pairs)
}

const Vifs = z.record(z.string(), z.record(z.string().regex(KEY), z.string().max(255).nullable()))

/** `vifs` among the facts: port or portgroup → key → Neutron port, null for one that is gone. What is not the node's, or nonsense, changes nothing. */
export async function takeVifs(turn: Turn, node: NodeRow, facts: Fields): Promise<boolean> {
  const told = Vifs.safeParse(facts['vifs'])
  if (!told.success) return false
  let changed = false
  for (const table of [ports, portgroups]) {
    for (const row of await rowsWith(turn, table, 'node', node.uuid)) {
      const before = row['internal_info'] as Record<string, unknown>
      const internal_info = { ...before, ...told.data[row.uuid] }
      for (const [key, value] of Object.entries(internal_info)) if (value === null) delete internal_info[key]
      if (JSON.stringify(before) === JSON.stringify(internal_info)) continue
      const updated_at = stampAfter(row, turn.now)
      turn.write(update(table, 'uuid', row.uuid, { internal_info, updated_at }))
      turn.changed(table).set(row.uuid, { ...row, internal_info, updated_at } as never)
      changed = true
    }
  }
  return changed
}
