// Rows that belong to a node of the site (ports, portgroups, volume connectors and targets): made, patched and deleted by one
// implementation, over one table of what is particular to each (row-kinds.ts).
import { FaultError } from '../../shared/faults.ts'
import { uuidv7 } from '../../shared/ids.ts'
import type { SiteRef, SqlValue } from '../ports.ts'
import { blankRow, insert, remove, update, type PortRow, withArticle } from '../schema/rows.ts'
import { applyPatch } from '../store/json-patch.ts'
import type { HubCommand } from './commands.ts'
import { refuseTooLarge } from './grants.ts'
import { touchSpec } from './nodes.ts'
import { rowsWith, type NodeOwned } from './owned-rows.ts'
import { KINDS, type Change, type RowKind } from './row-kinds.ts'
import type { Turn } from './turn.ts'

type Command<K> = Extract<HubCommand, { kind: K }>

export async function createRow(turn: Turn, command: Command<'row.create'>, site: SiteRef): Promise<string> {
  const kind = KINDS[command.table]
  const node = await turn.node(command.row.node)
  const given = kind.columns.filter((column) => command.row[column] !== undefined)
  const row: NodeOwned = {
    ...(blankRow(kind.table) as NodeOwned),
    ...Object.fromEntries(given.map((column) => [column, command.row[column]])),
    uuid: command.row.uuid ?? uuidv7(turn.env),
    node: node.uuid,
    site: turn.state.site.id,
    created_at: turn.time,
    updated_at: null,
  }
  const after = (await kind.check?.(turn, { site, node, before: null, after: row })) ?? row
  await refuseTaken(turn, kind, after, null)
  if (kind.granted) await refuseLargerNode(turn, kind, after)
  const { id: _, ...values } = after
  turn.write(insert(kind.table, values as never))
  turn.changed(kind.table).set(row.uuid, after as never)
  turn.event(`${command.table}.created`, { node: node.uuid, body: { [command.table]: row.uuid } }, command)
  if (kind.granted) await touchSpec(turn, node.uuid)
  return row.uuid
}

export async function patchRow(turn: Turn, command: Command<'row.patch'>, site: SiteRef): Promise<string> {
  const kind = KINDS[command.table]
  const before = await find(turn, kind, command.uuid)
  const columns = [...kind.columns, 'node']
  const document = Object.fromEntries(columns.map((column) => [column, before[column]]))
  const patched = applyPatch(document, command.patch, blankRow(kind.table) as Record<string, unknown>)
  const node = await turn.node(before.node)
  const change: Change = { site, node, before, after: { ...before, ...patched } as NodeOwned }
  if (patched['node'] !== before.node) await refuseMove(turn, kind, change, String(patched['node']))
  const after = (await kind.check?.(turn, change)) ?? change.after
  await refuseTaken(turn, kind, after, before)
  if (kind.granted) await refuseLargerNode(turn, kind, after)
  const written = kind.secrets ? [...columns, 'secrets'] : columns
  const changes = Object.fromEntries(written.map((column) => [column, after[column]]))
  turn.write(update(kind.table, 'uuid', before.uuid, { ...changes, updated_at: turn.time } as never))
  turn.changed(kind.table).set(before.uuid, { ...after, updated_at: turn.time } as never)
  const fields = command.patch.map((operation) => operation.path.split('/')[1])
  turn.event(`${command.table}.updated`, { node: after.node, body: { [command.table]: before.uuid, fields } }, command)
  if (kind.granted) for (const touched of new Set([before.node, after.node])) await touchSpec(turn, touched)
  return before.uuid
}

export async function deleteRow(turn: Turn, command: Command<'row.delete'>, site: SiteRef): Promise<null> {
  const kind = KINDS[command.table]
  const row = await find(turn, kind, command.uuid)
  await kind.checkDelete?.(turn, { site, node: await turn.node(row.node), before: row, after: row })
  turn.write(remove(kind.table, 'uuid', row.uuid))
  turn.changed(kind.table).set(row.uuid, null)
  turn.event(`${command.table}.deleted`, { node: row.node, body: { [command.table]: row.uuid } }, command)
  if (kind.granted) await touchSpec(turn, row.node)
  return null
}

/** The time of its last change; a row that was changed in this very turn has none that anybody could know. */
export async function rowStamp(turn: Turn, table: Command<'row.patch'>['table'], uuid: string): Promise<string> {
  const kind = KINDS[table]
  if (turn.changed(kind.table).has(uuid)) return ''
  const row = await find(turn, kind, uuid)
  return String(row['updated_at'] ?? row['created_at'])
}

async function find(turn: Turn, kind: RowKind, uuid: string): Promise<NodeOwned> {
  const [row] = await rowsWith(turn, kind.table, 'uuid', uuid)
  if (row?.site !== turn.state.site.id) throw new FaultError('not_found', `${kind.noun} ${uuid} could not be found.`)
  return row
}

/** The node is sent to its conductor with this row. */
async function refuseLargerNode(turn: Turn, kind: RowKind, row: NodeOwned): Promise<void> {
  const node = await turn.node(row.node)
  const others = (await rowsWith(turn, kind.table, 'node', row.node)).filter(({ uuid }) => uuid !== row.uuid)
  await refuseTooLarge(turn, node, node, [...others, row] as unknown as PortRow[])
}

/** What must be unique, looked up before the constraint would throw the whole turn away. */
async function refuseTaken(turn: Turn, kind: RowKind, row: NodeOwned, before: NodeOwned | null): Promise<void> {
  for (const columns of kind.unique) {
    if (columns.some((column) => row[column] === null)) continue
    if (before && columns.every((column) => row[column] === before[column])) continue
    const [first, ...others] = columns as [string, ...string[]]
    const same = (await rowsWith(turn, kind.table, first, row[first] as SqlValue)).filter(
      (other) => other.uuid !== before?.uuid && others.every((column) => other[column] === row[column]),
    )
    if (same.length === 0) continue
    const values = columns.map((column) => `${column} ${String(row[column])}`).join(' and ')
    throw new FaultError('conflict', `${withArticle(kind.noun.toLowerCase())} with ${values} already exists.`)
  }
}

/** Another node may get the row: one of the same site, whose hub this is. */
async function refuseMove(turn: Turn, kind: RowKind, { node, before }: Change, to: string): Promise<void> {
  await turn.node(to).catch(() => {
    throw new FaultError('request.invalid', `Node ${to} is not at site ${turn.state.site.name}.`, {
      hint: 'delete it here and create it there: each site keeps what belongs to its own nodes',
    })
  })
  if (kind.moves && !kind.moves(node))
    throw new FaultError(
      'conflict',
      `${kind.noun} ${before!.uuid} cannot go to another node while node ${node.uuid} is in state "${node.provision_state}".`,
    )
}
