// A node's traits: what it can do, as schedulers ask for it. 1. At most 50. 2. Rows are (node, trait).
import { FaultError } from '../../shared/faults.ts'
import { nodeTraits } from '../schema/organisation-resources.ts'
import { insert, select, type NodeRow } from '../schema/rows.ts'
import type { Caller, HubCommand } from './commands.ts'
import { refuseLocked } from './node-rules.ts'
import type { Turn } from './turn.ts'

const MAX_TRAITS = 50

export async function changeTraits(turn: Turn, command: Extract<HubCommand, { kind: 'node.traits' }>): Promise<null> {
  const node = await turn.node(command.node)
  refuseLocked(node)
  const present = await traitsOf(turn, node.uuid)
  const given = new Set(command.traits ?? present)
  for (const trait of command.change === 'remove' ? given : []) {
    if (!present.has(trait)) throw new FaultError('not_found', `Node ${node.uuid} doesn't have a trait "${trait}".`)
  }
  const after =
    command.change === 'set'
      ? given
      : command.change === 'add'
        ? new Set([...present, ...given])
        : new Set([...present].filter((trait) => !given.has(trait)))
  storeTraits(turn, node, present, after, command)
  return null
}

/** Throws before it drafts anything. */
export function storeTraits(
  turn: Turn,
  node: NodeRow,
  present: ReadonlySet<string>,
  after: ReadonlySet<string>,
  caller: Caller,
): void {
  if (after.size > MAX_TRAITS)
    throw new FaultError(
      'request.invalid',
      `Node ${node.uuid} would have ${after.size} traits; ${MAX_TRAITS} are possible.`,
    )
  store(turn, node, present, after)
  turn.event('node.traits', { node: node.uuid, body: { traits: [...after].sort() } }, caller)
}

/** As they are after the drafts so far. */
export async function traitsOf(turn: Turn, node: string): Promise<Set<string>> {
  const traits = new Set((await select(turn.sql, nodeTraits, 'node = ?', [node])).map((row) => row.trait))
  for (const [key, row] of turn.changed(nodeTraits)) {
    const [of, trait] = key.split(' ') as [string, string]
    if (of !== node) continue
    if (row) traits.add(trait)
    else traits.delete(trait)
  }
  return traits
}

function store(turn: Turn, node: NodeRow, present: ReadonlySet<string>, after: ReadonlySet<string>): void {
  const changed = turn.changed(nodeTraits)
  for (const trait of present) {
    if (after.has(trait)) continue
    turn.write({ sql: 'DELETE FROM node_traits WHERE node = ? AND trait = ?', args: [node.uuid, trait] })
    changed.set(`${node.uuid} ${trait}`, null)
  }
  for (const trait of after) {
    if (present.has(trait)) continue
    const row = { node: node.uuid, trait }
    turn.write(insert(nodeTraits, row))
    changed.set(`${node.uuid} ${trait}`, row)
  }
  turn.updateNode(node.uuid, {})
}
