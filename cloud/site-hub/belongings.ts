// What belongs to a node and is part of its grant: its ports, and the volumes that it reaches.
import type { SQLiteTable } from 'drizzle-orm/sqlite-core'
import type { Grant } from '../../shared/protocol.ts'
import { volumeConnectors, volumeTargets } from '../schema/organisation-resources.ts'
import { ports } from '../schema/organisation.ts'
import type { PortRow } from '../schema/rows.ts'
import { rowsAmong } from './owned-rows.ts'
import { withSealed } from './secrets.ts'
import type { Turn } from './turn.ts'

type ConnectorRow = typeof volumeConnectors.$inferSelect
type TargetRow = typeof volumeTargets.$inferSelect

export interface Belongings {
  readonly ports: readonly PortRow[]
  readonly targets: readonly TargetRow[]
  readonly connectors: readonly ConnectorRow[]
}

export const NOTHING: Belongings = { ports: [], targets: [], connectors: [] }

/** By node, as they are after the drafts so far; of every node that was asked about. */
export async function belongingsOf(turn: Turn, nodes: readonly string[]): Promise<(node: string) => Belongings> {
  const byNode = async <Row>(table: SQLiteTable) => {
    const rows = await rowsAmong(turn, table, 'node', nodes)
    return Map.groupBy(rows, ({ node }) => node) as unknown as Map<string, Row[]>
  }
  const nics = await byNode<PortRow>(ports)
  const targets = await byNode<TargetRow>(volumeTargets)
  const connectors = await byNode<ConnectorRow>(volumeConnectors)
  return (node) => ({
    ports: nics.get(node) ?? [],
    targets: (targets.get(node) ?? []).toSorted((a, b) => a.boot_index - b.boot_index),
    connectors: connectors.get(node) ?? [],
  })
}

/** As the node's conductor gets them. */
export function grantedOf({ ports: nics, targets, connectors }: Belongings): Pick<Grant, 'ports' | 'volumes'> {
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
    ports: nics.map((port) => ({ uuid: port.uuid, address: port.address, pxeEnabled: port.pxe_enabled })),
    ...(targets.length + connectors.length > 0 && { volumes }),
  }
}

/** What paths of a target's secrets start with. */
export function targetColumn(uuid: string): string {
  return `volume_targets.${uuid}`
}
