// Who writes a resource's rows: the hub of a site for what belongs to one of its nodes, the API itself for the organisation's own few and
// rare rows.
import type { InferSelectModel } from 'drizzle-orm'
import type { SQLiteTable } from 'drizzle-orm/sqlite-core'
import { FaultError } from '../../shared/faults.ts'
import { uuidv7 } from '../../shared/ids.ts'
import type { Statement } from '../ports.ts'
import { audit } from '../schema/organisation.ts'
import { blankRow, insert, isoTime, laterStamp, remove, select, takenText, updateIf } from '../schema/rows.ts'
import type { NewRow, NodeTable, PatchOperation } from '../site-hub/commands.ts'
import { applyPatch } from '../store/json-patch.ts'
import { check } from './body.ts'
import { changed as changedSince, checkMatch, ifMatch, onlyMatching } from './conditions.ts'
import type { Call } from './call.ts'
import { command, findNode, type FoundNode } from './nodes/find.ts'
import { invalid } from './query.ts'
import { mentioned } from './items.ts'
import type { Attributes, Body, Writer } from './resource.ts'

/** Wire names that are columns of another name. */
const COLUMN: Readonly<Record<string, string>> = { node_uuid: 'node', portgroup_uuid: 'portgroup' }

/** Rows of a node: its site's hub writes them. `look` refuses what depends on the request's version. */
export function ofNodes(table: NodeTable, look: (call: Call, given: Body) => void = () => undefined): Writer {
  return {
    async create(call, body) {
      look(call, body)
      const node = await nodeOf(call, body)
      const row: NewRow = { ...columns(body), node: node.uuid }
      const { uuid } = (await command(call, node.site, { kind: 'row.create', table, row })) as { uuid: string }
      return uuid
    },
    async patch(call, { uuid, site }, operations) {
      const patch: PatchOperation[] = []
      for (const operation of operations) patch.push(await translated(call, operation, look))
      await command(call, site!, { kind: 'row.patch', table, uuid, patch })
    },
    async remove(call, { uuid, site }) {
      await command(call, site!, { kind: 'row.delete', table, uuid })
    },
  }
}

/** The node that a body names, as a UUID or, where it has that, as node_ident. */
async function nodeOf(call: Call, body: Body): Promise<FoundNode> {
  const { node_uuid: uuid, node_ident: ident } = body
  if ((uuid === undefined) === (ident === undefined))
    throw invalid(ident === undefined ? 'node_uuid is needed' : 'Either node_uuid or node_ident may be given, not both')
  return mentioned(findNode(call, String(uuid ?? ident)))
}

/** Without what names the node, which nodeOf found. */
function columns(body: Body): Body {
  const given = Object.entries(body).filter(([name]) => name !== 'node_uuid' && name !== 'node_ident')
  return Object.fromEntries(given.map(([name, value]) => [COLUMN[name] ?? name, value]))
}

async function translated(
  call: Call,
  operation: PatchOperation,
  look: (call: Call, given: Body) => void,
): Promise<PatchOperation> {
  const [, root = '', ...below] = operation.path.split('/')
  if (operation.op !== 'remove')
    look(call, below.length === 0 ? { [root]: operation.value } : { [root]: { [below[0]!]: operation.value } })
  if (root === 'node_uuid') await mentioned(findNode(call, String(operation.value)))
  return COLUMN[root] ? { ...operation, path: `/${COLUMN[root]}` } : operation
}

export interface Own<T extends SQLiteTable> {
  readonly noun: string
  readonly attributes: Attributes
  /** Completes what is to be inserted. */
  complete?(call: Call, body: Body): Promise<Partial<InferSelectModel<T>>> | Partial<InferSelectModel<T>>
  /** What the row may not become. */
  refuse?(after: Body, before: Body | null, call: Call): void
  /** SQL that must not find anything, with what to say if it does; `?` is the UUID. */
  readonly inUse?: { readonly sql: string; readonly text: string; readonly hint: string }
}

const TRIES = 5

/** Rows of the organisation: written here, and told in the audit log. */
export function ofOrganisation<T extends SQLiteTable>(table: T, own: Own<T>): Writer {
  const written = Object.keys(own.attributes).filter((name) => name !== 'uuid')
  /** Follows the change in its batch, and is written where that changed something. */
  const note = (call: Call, what: string, uuid: string, body: unknown = {}): Statement => {
    const { sql, args } = insert(audit, {
      at: isoTime(call.ports.env.now()),
      actor: call.principal.actor,
      action: `${own.noun.toLowerCase().replaceAll(' ', '_')}.${what}`,
      target: uuid,
      outcome: 'done',
      body,
      request_id: call.requestId,
    })
    return { sql: sql.replace(/VALUES \((.*)\)$/, 'SELECT $1 WHERE changes() > 0'), args }
  }
  return {
    async create(call, body) {
      own.refuse?.(body, null, call)
      const uuid = String(body['uuid'] ?? uuidv7(call.ports.env))
      const completed = (await own.complete?.(call, body)) ?? body
      const row = { ...completed, uuid, created_at: isoTime(call.ports.env.now()) }
      await stored(call, [insert(table, row as never), note(call, 'created', uuid)])
      return uuid
    },
    async patch(call, { uuid }, operations) {
      const wanted = ifMatch(call.request.headers)
      for (let attempt = 0; attempt < TRIES; attempt++) {
        const [row] = (await select(call.sql, table, 'uuid = ?', [uuid])) as Body[]
        if (!row) throw new FaultError('not_found', `${own.noun} ${uuid} could not be found.`)
        const before = Object.fromEntries(written.filter((name) => name in row).map((name) => [name, row[name]]))
        const after = applyPatch(before, operations, blankRow(table) as Body)
        const roots = [...new Set(operations.map((operation) => operation.path.split('/')[1]!))]
        for (const root of roots) {
          if (operations.some(({ op, path }) => op !== 'remove' || path !== `/${root}`))
            after[root] = check(own.attributes[root]!.schema, after[root], root)
        }
        own.refuse?.(after, before, call)
        checkMatch(wanted, String(row['updated_at'] ?? row['created_at']))
        const changes = Object.fromEntries(roots.map((root) => [root, after[root]]))
        const stamp = laterStamp(call.ports.env.now())
        const expected = Object.fromEntries(roots.map((root) => [root, before[root]]))
        if (wanted) expected['updated_at'] = row['updated_at']
        const [done] = await stored(call, [
          updateIf(table, 'uuid', uuid, changes as never, expected as never, stamp),
          note(call, 'updated', uuid, { fields: roots }),
        ])
        if (done!.length > 0) return
      }
      throw new FaultError('conflict', `${own.noun} ${uuid} is being changed by others.`, { hint: 'try again' })
    },
    async remove(call, { uuid }) {
      if (own.inUse && (await call.sql.all(own.inUse.sql, [uuid])).length > 0)
        throw new FaultError('request.invalid', own.inUse.text.replace('?', uuid), { hint: own.inUse.hint })
      const [statement, match] = [remove(table, 'uuid', uuid), onlyMatching(call)]
      const all = { sql: `${statement.sql}${match.sql} RETURNING uuid`, args: [...statement.args, ...match.args] }
      const [gone] = await stored(call, [all, note(call, 'deleted', uuid)])
      if (gone!.length === 0 && match.sql !== '') throw changedSince()
    },
  }
}

async function stored(call: Call, statements: readonly Statement[]) {
  try {
    return await call.sql.batch(statements)
  } catch (error) {
    const text = takenText(error)
    if (text === undefined) throw error
    throw new FaultError('conflict', text)
  }
}
