// What a storage system has told a conductor of the volumes of a node becomes the properties of its volume targets: fact `volume_targets`, by their UUIDs, with what is secret
// in it sealed already.
import { z } from 'zod'
import { isSealed, MASK } from '../../shared/sealing.ts'
import { volumeTargets } from '../schema/organisation-resources.ts'
import { stampAfter, update } from '../schema/rows.ts'
import { targetColumn } from './belongings.ts'
import { rowsWith } from './owned-rows.ts'
import type { Turn } from './turn.ts'

const Told = z.record(z.string(), z.record(z.string(), z.unknown()))

/** Answers whether something has changed, so that the node's grant has. What does not parse, or is of no target of the node, is left. */
export async function takeVolumes(
  turn: Turn,
  node: string,
  facts: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  const told = Told.safeParse(facts['volume_targets']).data ?? {}
  if (Object.keys(told).length === 0) return false
  let isChanged = false
  for (const row of await rowsWith(turn, volumeTargets, 'node', node)) {
    const found = told[row.uuid]
    if (found === undefined) continue
    const entries = Object.entries(found)
    const secret = entries.filter((entry): entry is [string, string] => isSealed(entry[1]))
    const shown = Object.fromEntries(secret.map(([name]) => [name, MASK]))
    const changes = {
      properties: { ...found, ...shown },
      secrets: Object.fromEntries(secret.map(([name, value]) => [`${targetColumn(row.uuid)}.${name}`, value])),
    }
    if (JSON.stringify(changes) === JSON.stringify({ properties: row['properties'], secrets: row['secrets'] })) continue
    const written = { ...changes, updated_at: stampAfter(row, turn.now) }
    turn.write(update(volumeTargets, 'uuid', row.uuid, written))
    turn.changed(volumeTargets).set(row.uuid, { ...row, ...written } as never)
    isChanged = true
  }
  return isChanged
}
