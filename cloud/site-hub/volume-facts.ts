// What a storage system has told a conductor of the volumes of a node becomes the properties of its volume targets: fact `volume_targets`, by their UUIDs, with what is secret
// in it sealed already.
import { z } from 'zod'
import { isSealed, MASK } from '../../shared/sealing.ts'
import { volumeTargets } from '../schema/organisation-resources.ts'
import { type Belongings, targetColumn } from './belongings.ts'
import { changedRows, type Told } from './told-rows.ts'
import type { Turn } from './turn.ts'

const Targets = z.record(z.string(), z.record(z.string(), z.unknown()))

/** Undefined: nothing is news. What does not parse, or is of no target of the node, is left. */
export async function toldVolumes(
  turn: Turn,
  node: string,
  facts: Readonly<Record<string, unknown>>,
): Promise<Told | undefined> {
  const told = Targets.safeParse(facts['volume_targets']).data ?? {}
  if (Object.keys(told).length === 0) return undefined
  const { rows, hasChanged, write } = await changedRows(turn, volumeTargets, node, (row) => {
    const found = told[row.uuid]
    if (found === undefined) return row
    const entries = Object.entries(found)
    const secret = entries.filter((entry): entry is [string, string] => isSealed(entry[1]))
    const shown = Object.fromEntries(secret.map(([name]) => [name, MASK]))
    const secrets = Object.fromEntries(secret.map(([name, value]) => [`${targetColumn(row.uuid)}.${name}`, value]))
    return { ...row, properties: { ...found, ...shown }, secrets }
  })
  const targets = rows as unknown as Belongings['targets']
  return hasChanged ? { what: 'volume_targets', changed: { targets }, write } : undefined
}
