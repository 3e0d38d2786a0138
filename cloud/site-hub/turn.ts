// One turn of a hub: its inputs draft changes, one guarded batch commits them, then answers and frames go out.
// 1. Nothing leaves the hub before the batch that it depends on is durable. 2. A node's changes in one turn are one UPDATE.
import type { InferSelectModel } from 'drizzle-orm'
import type { SQLiteTable } from 'drizzle-orm/sqlite-core'
import type { Caller } from './commands.ts'
import { droppedBlob, prune, pruneNotes, pruneSites } from './retention.ts'
import { pruneAudit, refusal } from './refusals.ts'
import { guard, type HubState } from './state.ts'
import { audit, conductors, events, nodes, notes, ports, tasks } from '../schema/organisation.ts'
import {
  biosSettings,
  firmwareComponents,
  inventories,
  nodeTraits,
  portgroups,
  volumeConnectors,
  volumeTargets,
} from '../schema/organisation-resources.ts'
import {
  insert,
  isoTime,
  marks,
  remove,
  select,
  update,
  type ConductorRow,
  type EventInsert,
  type NodeRow,
  type TaskRow,
} from '../schema/rows.ts'
import type { Blobs, Peer, Sql, Statement } from '../ports.ts'
import type { Env } from '../../shared/env.ts'
import { FaultError, type FaultCode } from '../../shared/faults.ts'
import { uuidv7 } from '../../shared/ids.ts'
import { encode, type ToConductor } from '../../shared/protocol.ts'

/** Tables whose rows go with their node. */
const OF_NODE = [
  ports,
  portgroups,
  volumeConnectors,
  volumeTargets,
  nodeTraits,
  biosSettings,
  firmwareComponents,
  inventories,
  notes,
]

export class Turn {
  readonly state: HubState
  readonly env: Env
  readonly sql: Sql
  readonly blobs: Pick<Blobs, 'delete'>
  readonly id: string
  /** The turn's time: every row it writes has the same. */
  readonly now: number
  /** The same as rows have it. */
  readonly time: string
  /** Grows with every draft; an input that fails after drafting makes the hub throw the turn away. */
  drafts = 0
  /** Nodes whose active task may have to be sent to their owner, at the end of the turn. */
  readonly assign = new Set<string>()
  /** Conductor → nodes that it got in this turn and has not been told of. */
  readonly gained = new Map<string, Set<string>>()
  /** Conductor → nodes that it is to give back, and has not been asked for in this turn. */
  readonly dropped = new Map<string, Set<string>>()
  /** Nodes whose owner gets their grant again, at the end of the turn. */
  readonly regrant = new Set<string>()
  /** Has it something to tell those who watch? */
  isNews = false
  /** What its inputs had to think about, in the units of a rule's Work: one that thought long is the last of its turn. */
  work = 0
  /** Nodes whose timeline got lines. */
  readonly #noted = new Set<string>()
  #mustBePresent = false
  #rowChanges = new Map<SQLiteTable, Map<string, unknown>>()
  /** Of some it is known only at the end what they say. */
  #statements: (Statement | (() => Statement))[] = []
  #effects: (() => void)[] = []
  #rows = new Map<string, NodeRow | null>()
  /** Rows of nodes made in this turn, as they will be stored. */
  #inserted = new Map<string, NodeRow>()
  /** What this turn writes of these it does not know of their rows. */
  #unkept = new Set<string>()
  #keepsNone = false
  /** It begins with rows of an earlier turn. */
  #usesKept = false
  #nodeChanges = new Map<string, Partial<NodeRow>>()
  #taskChanges = new Map<string, Partial<TaskRow>>()
  #conductorChanges = new Map<string, Partial<ConductorRow>>()

  constructor(state: HubState, env: Env, sql: Sql, blobs: Pick<Blobs, 'delete'>) {
    this.blobs = blobs
    this.state = state
    this.env = env
    this.sql = sql
    this.now = env.now()
    this.time = isoTime(this.now)
    this.id = uuidv7(env)
  }

  /** Reads rows ahead, in one statement. */
  async prefetch(uuids: Iterable<string>): Promise<void> {
    const missing: string[] = []
    for (const uuid of new Set(uuids)) {
      if (this.#rows.has(uuid)) continue
      const kept = this.state.rows.get(uuid)
      if (kept) this.#rows.set(uuid, kept)
      else missing.push(uuid)
      this.#usesKept ||= kept !== undefined
    }
    if (missing.length === 0) return
    // A single row is read faster, and by far the most turns have one node. +: for eight and more SQLite would look at all nodes of the site instead.
    const where =
      missing.length === 1 ? 'uuid = ? AND +site = ? LIMIT 1' : `uuid IN (${marks(missing.length)}) AND +site = ?`
    const read = await select(this.sql, nodes, where, [...missing, this.state.site.id])
    for (const row of read) if (!this.#rows.has(row.uuid)) this.#rows.set(row.uuid, row)
    for (const uuid of missing) if (!this.#rows.has(uuid)) this.#rows.set(uuid, null)
  }

  /** A node as it is after the drafts so far. Throws not_found. */
  async node(uuid: string): Promise<NodeRow> {
    await this.prefetch([uuid])
    const row = this.#rows.get(uuid)
    if (!row) throw new FaultError('not_found', `Node ${uuid} could not be found.`)
    return row
  }

  /** Rows of `table` made, changed or deleted (null) in this turn, over what can be read: by UUID, or by what the table is keyed with. */
  changed<T extends SQLiteTable>(table: T): Map<string, InferSelectModel<T> | null> {
    let changes = this.#rowChanges.get(table)
    if (!changes) this.#rowChanges.set(table, (changes = new Map()))
    return changes as Map<string, InferSelectModel<T> | null>
  }

  /** How many nodes of the site are in one of these provision states after the drafts so far. */
  async countIn(states: readonly string[]): Promise<number> {
    const seen = [...this.#rows].flatMap(([uuid, row]) => (row ? [{ uuid, row }] : []))
    const drafted = seen.filter(({ row }) => states.includes(row.provision_state)).length
    const [[others] = []] = await this.sql.all(
      `SELECT count(*) FROM nodes WHERE +site = ? AND provision_state IN (${marks(states.length)}) AND uuid NOT IN (SELECT value FROM json_each(?))`,
      [this.state.site.id, ...states, JSON.stringify(seen.map(({ uuid }) => uuid))],
    )
    return drafted + Number(others)
  }

  insertNode(row: NodeRow): void {
    this.isNews = true
    const inserted = { ...row }
    this.write(() => insert(nodes, inserted))
    this.#inserted.set(row.uuid, inserted)
    this.#unkept.add(row.uuid) // its id is the database's
    this.#rows.set(row.uuid, row)
  }

  /** Who has a node, or may act on it, is nothing that its users changed: its version stays. A new node is stored with it. */
  setOwnership(
    uuid: string,
    changes: Partial<Pick<NodeRow, 'conductor' | 'moved' | 'promised_ms' | 'withheld'>>,
  ): void {
    const inserted = this.#inserted.get(uuid)
    this.drafts++
    if (inserted) Object.assign(inserted, changes)
    else this.write(update(nodes, 'uuid', uuid, changes))
    const row = this.#rows.get(uuid) ?? this.state.rows.get(uuid)
    if (row) this.#rows.set(uuid, { ...row, ...changes })
    else this.#unkept.add(uuid)
  }

  /** Changes columns of many nodes that no turn asks for: what is remembered of their rows is read anew after it. */
  writeToAll(statement: Statement): void {
    this.write(statement)
    this.#keepsNone = true
  }

  removeNode(uuid: string): void {
    for (const table of OF_NODE) this.write(remove(table, 'node', uuid))
    this.#dropBlob(this.#rows.get(uuid)?.secrets ?? {}, {})
    this.write(remove(nodes, 'uuid', uuid))
    this.#rows.set(uuid, null)
    this.#inserted.delete(uuid)
    this.#nodeChanges.delete(uuid)
    this.state.nodes.delete(uuid)
    this.state.loads = null
    this.state.promises.delete(uuid)
  }

  updateNode(uuid: string, changes: Partial<NodeRow>): void {
    const row = this.#rows.get(uuid)!
    this.isNews = true
    this.drafts++
    if (changes.secrets !== undefined) this.#dropBlob(row.secrets, changes.secrets)
    const all = { ...this.#nodeChanges.get(uuid), ...changes, version: row.version + 1, updated_at: this.time }
    this.#nodeChanges.set(uuid, all)
    const index = this.state.nodes.get(uuid)
    if (index && changes.spec_version !== undefined) index.specVersion = changes.spec_version
    this.#rows.set(uuid, { ...row, ...changes, version: row.version + 1, updated_at: this.time })
  }

  /** Nothing names it any more: it goes when that is durable. One that could not be deleted is nobody's, and sealed. */
  #dropBlob(before: unknown, after: unknown): void {
    const key = droppedBlob(before, after)
    if (key !== undefined) this.after(() => void this.blobs.delete(key).catch(() => undefined))
  }

  /** Drafts changes of an open task; the hub's memory sees them at once. */
  updateTask(task: TaskRow, changes: Partial<TaskRow>): void {
    this.drafts++
    Object.assign(task, changes)
    this.#taskChanges.set(task.id, { ...this.#taskChanges.get(task.id), ...changes })
  }

  /** What this turn has drafted for a task, over what is stored. */
  draftedTask(id: string): Partial<TaskRow> | undefined {
    return this.#taskChanges.get(id)
  }

  updateConductor(row: ConductorRow, changes: Partial<ConductorRow>): void {
    this.drafts++
    Object.assign(row, changes)
    this.#conductorChanges.set(row.id, { ...this.#conductorChanges.get(row.id), ...changes, updated_at: this.time })
  }

  write(statement: Statement | (() => Statement)): void {
    this.drafts++
    this.#statements.push(statement)
  }

  event(type: string, about: Omit<EventInsert, 'at' | 'site' | 'type'>, caller?: Caller): void {
    this.isNews = true
    if (about.node === undefined) for (const statement of pruneSites(this.state.site.counter)) this.write(statement)
    this.write(
      insert(events, {
        at: this.time,
        site: this.state.site.id,
        type,
        actor: caller?.actor ?? null,
        request_id: caller?.requestId ?? null,
        ...about,
      }),
    )
  }

  note(node: string, task: string | null, at: number, stage: string, body: unknown): void {
    this.write(insert(notes, { node, task, at: isoTime(at), stage, body }))
    this.#noted.add(node)
  }

  audit(action: string, target: string, outcome: string, body: unknown, actor: string, requestId?: string): void {
    this.write(insert(audit, { at: this.time, actor, action, target, outcome, body, request_id: requestId ?? null }))
    this.write(pruneAudit())
  }

  /** What a conductor was refused; the same again within a minute counts up. */
  refusal(action: string, target: string, outcome: FaultCode, body: unknown, actor: string): void {
    const row = { at: this.time, actor, action, target, outcome, body, request_id: null }
    for (const statement of [...refusal(row, this.now), pruneAudit()]) this.write(statement)
  }

  /** Has this turn changed the conductor's row already, so that what is stored is older? */
  hasDrafted(conductor: string): boolean {
    return this.#conductorChanges.has(conductor)
  }

  get changedNodes(): string[] {
    return [...this.#nodeChanges.keys()]
  }

  /** Runs `effect` once the batch is durable. A draft like any other: of an input that fails afterwards nothing is said either. */
  after(effect: () => void): void {
    this.drafts++
    this.#effects.push(effect)
  }

  /** `holds`: asked when the turn is over, whether it is still to be said. */
  send(peer: Peer | null | undefined, message: ToConductor, holds: () => boolean = () => true): void {
    if (peer) this.after(() => holds() && peer.send(encode(message)))
  }

  /** What this turn says is so only if its hub is the site's present one: the batch finds that out even where nothing is to be stored. */
  mustBePresent(): void {
    this.#mustBePresent = true
  }

  /** Stores the drafts. Throws when they were not stored, or when that is not known. */
  async commit(): Promise<void> {
    const statements = [
      ...this.#statements.map((statement) => (typeof statement === 'function' ? statement() : statement)),
      ...[...this.#nodeChanges].map(([uuid, changes]) => update(nodes, 'uuid', uuid, changes)),
      ...[...this.#taskChanges].map(([id, changes]) => update(tasks, 'id', id, changes)),
      ...[...this.#conductorChanges].map(([id, changes]) => update(conductors, 'id', id, changes)),
    ]
    for (const [uuid, { version }] of this.#nodeChanges) statements.push(...prune(uuid, version!))
    for (const node of this.#noted) statements.push(pruneNotes(node))
    // Who only looks at what is remembered has to be the present one, too.
    if (statements.length > 0 || this.#mustBePresent || this.#usesKept)
      await this.sql.batch([guard(this.state, this.id), ...statements])
    if (this.#keepsNone) this.state.rows.clear()
    else this.state.rows.keep(this.#rows, (uuid) => this.state.tasks.has(uuid) && !this.#unkept.has(uuid))
  }

  /** Runs the effects, once the drafts are durable. One that fails (a socket that just closed) stops no other. */
  finish(failed: (error: unknown) => void): void {
    for (const effect of this.#effects.splice(0)) {
      try {
        effect()
      } catch (error) {
        failed(error)
      }
    }
  }
}
