// Rows that belong to a node of the site (ports, portgroups, volume connectors and targets): made, patched and deleted by one
// implementation, over one table of what is particular to each (row-kinds.ts).
import { FaultError } from '../../shared/faults.ts'
import { uuidv7 } from '../../shared/ids.ts'
import { isWired } from '../provision/used-interfaces.ts'
import type { SiteRef, SqlValue } from '../ports.ts'
import { blankRow, insert, remove, stampAfter, update, withArticle } from '../schema/rows.ts'
import { applyPatch } from '../store/json-patch.ts'
import type { Caller, HubCommand, NewRow, NodeTable } from './commands.ts'
import { refuseTooLarge } from './grants.ts'
import { touchSpec } from './nodes.ts'
import { rowsAmong, rowsWith, type NodeOwned } from './owned-rows.ts'
import { KINDS, type Change, type RowKind } from './row-kinds.ts'
import type { Turn } from './turn.ts'

type Command<K> = Extract<HubCommand, { kind: K }>

export async function createRow(turn: Turn, command: Command<'row.create'>, site: SiteRef): Promise<string> {
  const kind = KINDS[command.table]
  const row = await newRow(turn, kind, command.row, site)
  await refuseTaken(turn, kind, row, null)
  await refuseLargerNode(turn, kind, [row])
  insertRow(turn, command.table, row, command)
  await tellOf(turn, kind, row.node)
  return row.uuid
}

/**
 * Ports of one node that have an address and no name; their conductor hears of all of them at once. Answers why some were not made, by address.
 * Throws when the node would be too large with them: then none is.
 */
export async function createPorts(
  turn: Turn,
  node: string,
  given: readonly (NewRow & { readonly address: string })[],
  caller: Caller,
  site: SiteRef,
): Promise<Map<string, string>> {
  const kind = KINDS.port
  const addresses = given.map(({ address }) => address)
  const taken = new Set((await rowsAmong(turn, kind.table, 'address', addresses)).map(({ address }) => address))
  const refused = new Map<string, string>()
  const rows: NodeOwned[] = []
  for (const each of given) {
    try {
      if (taken.has(each.address)) throw alreadyExists(kind, ['address'], each)
      rows.push(await newRow(turn, kind, each, site))
    } catch (error) {
      if (!(error instanceof FaultError)) throw error
      refused.set(each.address, error.fault.message)
    }
  }
  if (rows.length === 0) return refused
  await refuseLargerNode(turn, kind, rows)
  for (const row of rows) insertRow(turn, 'port', row, caller)
  await touchSpec(turn, node)
  return refused
}

/** As it would be stored. Throws what forbids it, but for what other rows are. */
async function newRow(turn: Turn, kind: RowKind, given: NewRow, site: SiteRef): Promise<NodeOwned> {
  const node = await turn.node(given.node)
  const columns = kind.columns.filter((column) => given[column] !== undefined)
  const row: NodeOwned = {
    ...(blankRow(kind.table) as NodeOwned),
    ...Object.fromEntries(columns.map((column) => [column, given[column]])),
    uuid: given.uuid ?? uuidv7(turn.env),
    node: node.uuid,
    site: turn.state.site.id,
    created_at: turn.time,
    updated_at: null,
  }
  return (await kind.check?.(turn, { site, node, before: null, after: row })) ?? row
}

function insertRow(turn: Turn, table: NodeTable, row: NodeOwned, caller: Caller): void {
  const { id: _, ...values } = row
  turn.write(insert(KINDS[table].table, values as never))
  turn.changed(KINDS[table].table).set(row.uuid, row as never)
  turn.event(`${table}.created`, { node: row.node, body: { [table]: row.uuid } }, caller)
}

/** The row as it would be, and what is written of it. Throws what forbids the change. */
export async function patchedRow(
  turn: Turn,
  command: Command<'row.patch'>,
  site: SiteRef,
): Promise<{ readonly before: NodeOwned; readonly after: NodeOwned; readonly columns: readonly string[] }> {
  const kind = KINDS[command.table]
  const before = await findRow(turn, command)
  const columns = [...kind.columns, 'node']
  const document = Object.fromEntries(columns.map((column) => [column, before[column]]))
  const patched = applyPatch(document, command.patch, blankRow(kind.table) as Record<string, unknown>)
  const node = await turn.node(before.node)
  const change: Change = { site, node, before, after: { ...before, ...patched } as NodeOwned }
  if (patched['node'] !== before.node) await refuseMove(turn, kind, change, String(patched['node']))
  const after = (await kind.check?.(turn, change)) ?? change.after
  await refuseTaken(turn, kind, after, before)
  await refuseLargerNode(turn, kind, [after])
  return { before, after, columns: kind.secrets ? [...columns, 'secrets'] : columns }
}

export async function patchRow(
  turn: Turn,
  command: Command<'row.patch'>,
  site: SiteRef,
): Promise<{ readonly uuid: string }> {
  const kind = KINDS[command.table]
  const { before, after, columns } = await patchedRow(turn, command, site)
  const changes = Object.fromEntries(columns.map((column) => [column, after[column]]))
  const updated_at = stampAfter(before, turn.now)
  turn.write(update(kind.table, 'uuid', before.uuid, { ...changes, updated_at } as never))
  turn.changed(kind.table).set(before.uuid, { ...after, updated_at } as never)
  const fields = command.patch.map((operation) => operation.path.split('/')[1])
  turn.event(`${command.table}.updated`, { node: after.node, body: { [command.table]: before.uuid, fields } }, command)
  for (const touched of new Set([before.node, after.node])) await tellOf(turn, kind, touched)
  return { uuid: before.uuid }
}

export async function deleteRow(turn: Turn, command: Command<'row.delete'>, site: SiteRef): Promise<null> {
  const kind = KINDS[command.table]
  const row = await findRow(turn, command)
  await kind.checkDelete?.(turn, { site, node: await turn.node(row.node), before: row, after: row })
  turn.write(remove(kind.table, 'uuid', row.uuid))
  turn.changed(kind.table).set(row.uuid, null)
  turn.event(`${command.table}.deleted`, { node: row.node, body: { [command.table]: row.uuid } }, command)
  await tellOf(turn, kind, row.node)
  return null
}

/** The node's conductor hears of it, where it is to know such rows. */
async function tellOf(turn: Turn, { granted, wired }: RowKind, node: string): Promise<void> {
  if (granted && (!wired || isWired(turn, await turn.node(node)))) await touchSpec(turn, node)
}

/** The time of its last change; a row that was changed in this very turn has none that anybody could know. */
export async function rowStamp(turn: Turn, table: NodeTable, uuid: string): Promise<string> {
  if (turn.changed(KINDS[table].table).has(uuid)) return ''
  const row = await findRow(turn, { table, uuid })
  return String(row['updated_at'] ?? row['created_at'])
}

/** Throws not_found, also for a row of another site. */
export async function findRow(
  turn: Turn,
  { table, uuid }: { readonly table: NodeTable; readonly uuid: string },
): Promise<NodeOwned> {
  const kind = KINDS[table]
  const [row] = await rowsWith(turn, kind.table, 'uuid', uuid)
  if (row?.site !== turn.state.site.id) throw new FaultError('not_found', `${kind.noun} ${uuid} could not be found.`)
  return row
}

/** The node is sent to its conductor with these rows of it. */
async function refuseLargerNode(turn: Turn, kind: RowKind, rows: readonly NodeOwned[]): Promise<void> {
  if (kind.granted === undefined) return
  const node = await turn.node(rows[0]!.node)
  const written = new Set(rows.map(({ uuid }) => uuid))
  const others = (await rowsWith(turn, kind.table, 'node', node.uuid)).filter(({ uuid }) => !written.has(uuid))
  await refuseTooLarge(turn, node, node, { [kind.granted]: [...others, ...rows] })
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
    if (same.length > 0) throw alreadyExists(kind, columns, row)
  }
}

function alreadyExists(kind: RowKind, columns: readonly string[], row: Readonly<Record<string, unknown>>): FaultError {
  const values = columns.map((column) => `${column} ${String(row[column])}`).join(' and ')
  return new FaultError('conflict', `${withArticle(kind.noun.toLowerCase())} with ${values} already exists.`)
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
