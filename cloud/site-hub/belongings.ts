// What belongs to a node and is part of its grant: its ports, the groups and cables of one that is wired, and the volumes that it reaches where its storage
// interface has to do with them.
import type { SQLiteTable } from 'drizzle-orm/sqlite-core'
import type { Grant } from '../../shared/protocol.ts'
import { portgroups, volumeConnectors, volumeTargets } from '../schema/organisation-resources.ts'
import { ports } from '../schema/organisation.ts'
import type { PortRow } from '../schema/rows.ts'
import { type NodeOwned, rowsAmong } from './owned-rows.ts'
import { withSealed } from './secrets.ts'
import type { Turn } from './turn.ts'
import { portgroupOf, wiringOf } from './wiring.ts'

type ConnectorRow = typeof volumeConnectors.$inferSelect
type TargetRow = typeof volumeTargets.$inferSelect

export interface Belongings {
  readonly ports: readonly PortRow[]
  readonly groups: readonly NodeOwned[]
  readonly targets: readonly TargetRow[]
  readonly connectors: readonly ConnectorRow[]
}

export const NOTHING: Belongings = { ports: [], groups: [], targets: [], connectors: [] }

/** By node, as they are after the drafts so far; of every node that was asked about. `wired`, `stored`: those of them whose portgroups, and whose volumes matter. */
export async function belongingsOf(
  turn: Turn,
  nodes: readonly string[],
  { wired, stored }: { readonly wired: readonly string[]; readonly stored: readonly string[] },
): Promise<(node: string) => Belongings> {
  const byNode = async <Row>(table: SQLiteTable, some = nodes) => {
    const rows = some.length === 0 ? [] : await rowsAmong(turn, table, 'node', some)
    return Map.groupBy(rows, ({ node }) => node) as unknown as Map<string, Row[]>
  }
  // Together: a database may be far away.
  const [nics, groups, targets, connectors] = await Promise.all([
    byNode<PortRow>(ports),
    byNode<NodeOwned>(portgroups, wired),
    byNode<TargetRow>(volumeTargets, stored),
    byNode<ConnectorRow>(volumeConnectors, stored),
  ])
  return (node) => ({
    ports: nics.get(node) ?? [],
    groups: groups.get(node) ?? [],
    targets: (targets.get(node) ?? []).toSorted((a, b) => a.boot_index - b.boot_index),
    connectors: connectors.get(node) ?? [],
  })
}

/** As the node's conductor gets them. `isWired`: its network interface does something with its cables. */
export function grantedOf(
  { ports: nics, groups, targets, connectors }: Belongings,
  isWired: boolean,
): Pick<Grant, 'ports' | 'portgroups' | 'volumes'> {
  const volumes = {
    targets: targets.map(({ uuid, volume_type, volume_id, boot_index, properties, secrets }) => ({
      uuid,
      type: volume_type,
      volumeId: volume_id,
      bootIndex: boot_index,
      properties: withSealed(targetColumn(uuid), properties, secrets),
    })),
    connectors: connectors.map(({ uuid, type, connector_id: id }) => ({ uuid, type, id })),
  }
  return {
    ports: nics.map((port) => ({
      uuid: port.uuid,
      address: port.address,
      pxeEnabled: port.pxe_enabled,
      ...(isWired && { wiring: wiringOf(port) }),
    })),
    ...(isWired && groups.length > 0 && { portgroups: groups.map(portgroupOf) }),
    ...(targets.length + connectors.length > 0 && { volumes }),
  }
}

/** What paths of a target's secrets start with. */
export function targetColumn(uuid: string): string {
  return `volume_targets.${uuid}`
}
