// What is kept of a node's past. 1. Its newest rows stay, so that history, timeline and streams say what happened lately. 2. Pruning comes with
// what is added, and with the node's own changes now and then: nothing has to run for it, and a node at which nothing happens costs nothing.
import { BLOB } from '../../shared/sealing.ts'
import type { Statement } from '../ports.ts'

/** Rows per node; Ironic keeps 300 entries of history. */
export const KEPT = { events: 1000, notes: 1000, tasks: 100 } as const
/** Changes of a node between two prunings. */
export const PRUNE_EVERY = 64
/** Rows that belong to no node, per organisation. */
const KEPT_OF_SITES = 10_000

/** What goes with this change of the node. */
export function prune(node: string, version: number): Statement[] {
  if (version % PRUNE_EVERY !== 0) return []
  return [
    { sql: beyond('events', 'id', KEPT.events), args: [node] },
    { sql: `${beyond('tasks', 'nseq', KEPT.tasks)} AND state <> 'open'`, args: [node] },
  ]
}

/** What goes with lines of a node's timeline, which are no changes of it: a look along an index, once for all lines of a turn. */
export function pruneNotes(node: string): Statement {
  return { sql: beyond('notes', 'id', KEPT.notes), args: [node] }
}

function beyond(table: string, order: string, kept: number): string {
  const last = `SELECT ${order} FROM ${table} WHERE node = ?1 ORDER BY ${order} DESC LIMIT 1 OFFSET ${kept}`
  return `DELETE FROM ${table} WHERE node = ?1 AND ${order} <= (${last})`
}

/** What goes with an event of a site; `counter` is the site's. */
export function pruneSites(counter: number): Statement[] {
  if (counter % PRUNE_EVERY !== 0) return []
  const last = `SELECT id FROM events WHERE node IS NULL ORDER BY id DESC LIMIT 1 OFFSET ${KEPT_OF_SITES}`
  return [{ sql: `DELETE FROM events WHERE node IS NULL AND id <= (${last})`, args: [] }]
}

/** Key of the blob that held the config drive before, where `after` names another one or none. */
export function droppedBlob(before: unknown, after: unknown): string | undefined {
  const [had, has] = [before, after].map((secrets) => (secrets as Record<string, string>)['instance_info.configdrive'])
  return had?.startsWith(BLOB) && had !== has ? had.slice(BLOB.length) : undefined
}
