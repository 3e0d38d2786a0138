// How a node's ports and portgroups are cabled, for a conductor that wires them, and what it has told of the Neutron ports that they have: these are
// keys of internal_info, as Ironic's.
import { z } from 'zod'
import type { Grant } from '../../shared/protocol.ts'
import { portgroups } from '../schema/organisation-resources.ts'
import { ports } from '../schema/organisation.ts'
import type { NodeRow, PortRow } from '../schema/rows.ts'
import type { NodeOwned } from './owned-rows.ts'
import { changedRows, type Told } from './told-rows.ts'
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
export async function toldVifs(turn: Turn, node: NodeRow, facts: Fields): Promise<Told | undefined> {
  const told = Vifs.safeParse(facts['vifs'])
  if (!told.success) return undefined
  const withVifs = (row: NodeOwned): NodeOwned => {
    const internal_info = { ...(row['internal_info'] as Record<string, unknown>), ...told.data[row.uuid] }
    for (const [key, value] of Object.entries(internal_info)) if (value === null) delete internal_info[key]
    return { ...row, internal_info }
  }
  const nics = await changedRows(turn, ports, node.uuid, withVifs)
  const groups = await changedRows(turn, portgroups, node.uuid, withVifs)
  if (!nics.hasChanged && !groups.hasChanged) return undefined
  return {
    what: 'vifs',
    changed: { ports: nics.rows as unknown as PortRow[], groups: groups.rows },
    write() {
      nics.write()
      groups.write()
    },
  }
}
