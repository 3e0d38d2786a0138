// The invariants of a run that has come to rest: what the database, the machines and the journals say at the end.
import type { Sql } from '../../cloud/ports.ts'
import type { HubCommand } from '../../cloud/site-hub/commands.ts'
import type { Step } from '../../shared/protocol.ts'
import { TRANSITIONS } from '../../shared/states.ts'
import type { Invariant } from './invariants.ts'
import type { Judge } from './judge.ts'
import { LOCAL_TASK } from './locals.ts'
import type { Machine } from './machine.ts'
import type { Mix } from './mix.ts'

const EDGES = new Set(TRANSITIONS.map(([from, trigger, to]) => `${from}|${trigger}|${to}`))
/** Faults that mean a lost node: whoever has it now goes on, so that no task ends by them. */
const LOST = "('fenced', 'lease.lapsed', 'hub.superseded', 'unavailable')"

export interface End {
  readonly data: Sql
  readonly judge: Judge
  readonly mix: Mix
  readonly machines: readonly Machine[]
  /** How often the power failed. */
  readonly powerFailures: number
  /** Conductor → tasks that its journal still holds. */
  readonly journals: ReadonlyMap<string, number>
  /** Node → why its conductor did not answer when it was asked. */
  readonly unserved: ReadonlyMap<string, string>
}

type Complain = (rule: Invariant, what: string) => void

export async function verdict(end: End): Promise<void> {
  const complain: Complain = (rule, what) => end.judge.complain(rule, what)
  for (const look of [edges, settled, failures, steps, transitions, durable, refused, ring, truth, served, locals])
    await look(end, complain)
}

async function edges({ data }: End, complain: Complain): Promise<void> {
  const at = new Map<unknown, unknown>()
  const sql = `SELECT node, body ->> '$.from', body ->> '$.trigger', body ->> '$.to' FROM events_ever WHERE type = 'node.provision_state' ORDER BY id`
  for (const [node, from, trigger, to] of await data.all(sql)) {
    if (!EDGES.has(`${from}|${trigger}|${to}`)) complain('edges', `${from} –${trigger}→ ${to}`)
    if (at.has(node) && at.get(node) !== from) complain('edges', `node was ${at.get(node)}, then moved from ${from}`)
    at.set(node, to)
  }
}

async function settled({ data, judge }: End, complain: Complain): Promise<void> {
  const open = await data.all("SELECT id, kind, node, conductor, done_steps FROM tasks WHERE state = 'open'")
  for (const row of open) complain('settles', `task ${row.join(' ')} is still open`)
  const ends = await data.all(
    "SELECT task, count(*) FROM events_ever WHERE type IN ('task.done', 'task.failed', 'task.cancelled') GROUP BY task HAVING count(*) > 1",
  )
  for (const [task, count] of ends) complain('settles-once', `task ${task} settled ${count} times`)
  const overdue = await data.all(
    "SELECT id, kind FROM tasks_ever WHERE fault ->> '$.message' LIKE '%before its deadline%'",
  )
  for (const [id, kind] of overdue)
    if (!judge.hurried.has(String(id))) complain('settles', `${kind} task ${id} ended by its deadline only`)
}

async function failures({ data, mix }: End, complain: Complain): Promise<void> {
  const where = mix.flavour === 'gentle' ? "state = 'failed'" : `state = 'failed' AND fault ->> '$.code' IN ${LOST}`
  const failed = await data.all(
    `SELECT id, kind, fault ->> '$.code', fault ->> '$.message' FROM tasks_ever WHERE ${where}`,
  )
  for (const [id, kind, code, message] of failed) complain('fencing', `${kind} task ${id} failed: ${code} ${message}`)
}

/** By the events: a step ends only when it has begun, and a task is done when its last step has ended, none of them left out. */
async function steps({ data }: End, complain: Complain): Promise<void> {
  const under = new Map<unknown, number>()
  const done = new Map<unknown, Set<number>>()
  const sql = `SELECT task, type, body ->> '$.index' FROM events_ever WHERE type IN ('step.started', 'step.finished') ORDER BY id`
  for (const [task, type, at] of await data.all(sql)) {
    const index = Number(at)
    if (type === 'step.started') under.set(task, index)
    else if (under.get(task) !== index) complain('steps', `task ${task} ended step ${index} without having begun it`)
    else {
      under.delete(task)
      done.set(task, (done.get(task) ?? new Set()).add(index))
    }
  }
  for (const [task, text] of await data.all("SELECT id, steps FROM tasks_ever WHERE state = 'done'")) {
    const all = (JSON.parse(String(text)) as Step[]).length
    const count = done.get(task)?.size ?? 0
    if (count !== all) complain('steps', `task ${task} is done with ${count} of its ${all} steps`)
  }
}

async function transitions({ data, judge, machines, powerFailures }: End, complain: Complain): Promise<void> {
  const counts = new Map<string, { on: number; off: number }>()
  for (const { changes } of machines)
    for (const { to, cause, atMs } of changes) {
      if (cause?.task === undefined || cause.task === LOCAL_TASK || judge.byTenure.has(cause.task)) continue
      // A successor that did not hear of a reset begins it again, under a permit of its own (docs/adr/0015); so does who has the node again, and who has
      // lost the journal with what had not reached the hub.
      const journals = judge.journalsLost.filter((lost) => lost.conductor === cause.conductor && lost.atMs <= atMs)
      const move = judge.plans.moveOf(cause.task, cause.epoch)
      const key = cause.step === RESET ? `${cause.task} ${move} ${journals.length}` : cause.task
      const count = counts.get(key) ?? { on: 0, off: 0 }
      count[to]++
      counts.set(key, count)
    }
  for (const [key, { on, off }] of counts) {
    const [task, isReset] = [key.split(' ')[0]!, key.includes(' ')]
    const [row] = await data.all('SELECT steps FROM tasks_ever WHERE id = ?', [task])
    const names = row === undefined ? [] : (JSON.parse(String(row[0])) as Step[]).map(({ step }) => step)
    const most = (end: string) =>
      names.filter((name) => (isReset ? name === 'reset' : name.endsWith(end))).length + powerFailures
    if (on > most('power_on') || off > most('power_off'))
      complain('doubled', `task ${task} switched on ${on} and off ${off} times`)
  }
}

const RESET = 'power.reset'

/** These change nothing when all is so already, and then there is no event. */
const QUIET: ReadonlySet<HubCommand['kind']> = new Set(['call', 'conductor.drain', 'site.refresh'])

const KNOWN =
  "SELECT 1 FROM nodes WHERE uuid = ?1 UNION SELECT 1 FROM events_ever WHERE type = 'node.deleted' AND node = ?1"

async function durable({ data, judge }: End, complain: Complain): Promise<void> {
  const found = async (sql: string, id: string) => (await data.all(sql, [id])).length > 0
  for (const { command, value } of judge.acknowledged) {
    const { task, uuid } = (value ?? {}) as { task?: string | null; uuid?: string }
    if (task && !(await found('SELECT 1 FROM tasks_ever WHERE id = ?', task)))
      complain('durable', `${command.kind} answered task ${task}, which does not exist`)
    // Deleted since, whether anybody heard that or not.
    if (uuid && !(await found(KNOWN, uuid)))
      complain('durable', `${command.kind} answered node ${uuid}, which does not exist`)
    if (!QUIET.has(command.kind) && !(await found('SELECT 1 FROM events_ever WHERE request_id = ?', command.requestId)))
      complain('durable', `${command.kind} was acknowledged, and no event says so`)
  }
}

async function refused({ data, judge }: End, complain: Complain): Promise<void> {
  const [[count] = [0]] = await data.all(
    "SELECT coalesce(sum(coalesce(body ->> '$.times', 1)), 0) FROM audit WHERE outcome = 'fenced'" +
      " AND action IN ('conductor.accepted', 'conductor.intent', 'conductor.event', 'conductor.result')",
  )
  if (Number(count) < judge.refusals)
    complain('refused', `the hub refused ${judge.refusals} frames, the audit log knows of ${String(count)}`)
}

async function ring({ data }: End, complain: Complain): Promise<void> {
  const members = await data.all('SELECT id, weight FROM conductors WHERE horizon_ms IS NOT NULL AND NOT draining')
  const weights = members.reduce((sum, [, weight]) => sum + Number(weight), 0)
  // Each group of nodes that ask for the same labels is shared out by itself (ADR 10).
  const nodes = await data.all(
    "SELECT conductor, driver_info ->> '$.conductor_labels' FROM nodes WHERE conductor IS NOT NULL",
  )
  for (const [labels, group] of Map.groupBy(nodes, ([, labels]) => labels))
    for (const [id, weight] of members) {
      const held = group.filter(([owner]) => owner === id).length
      const quota = (group.length * Number(weight)) / weights
      if (Math.abs(held - quota) > 1)
        complain('ring', `${id} holds ${held} of ${group.length} (${labels ?? 'no labels'}), its quota is ${quota}`)
    }
}

async function truth({ data, machines }: End, complain: Complain): Promise<void> {
  for (const machine of machines) {
    const [row] = await data.all(
      'SELECT provision_state, power_state, maintenance, instance_info FROM nodes WHERE uuid = ?',
      [machine.node],
    )
    if (row === undefined) continue
    const [state, power, maintenance, instance] = row
    if (!maintenance && state !== 'enroll' && power !== `power ${machine.power()}`)
      complain('truth', `${machine.address} is ${machine.power()}, its node in ${state} says ${power}`)
    const { image_source: image = 'none' } = JSON.parse(String(instance)) as { image_source?: string }
    if (state === 'active' && machine.disk !== image)
      complain('truth', `${machine.address} is active with ${image}, its disk holds ${machine.disk}`)
  }
}

// oxlint-disable-next-line typescript/require-await -- one of a list of looks
async function served({ journals, unserved }: End, complain: Complain): Promise<void> {
  for (const [conductor, tasks] of journals)
    if (tasks > 0) complain('serves', `the journal of ${conductor} still holds ${tasks} tasks`)
  for (const [node, why] of unserved) complain('serves', `node ${node} does not answer: ${why}`)
}

/** Each is told once: as an event, in the audit log, and by the node's maintenance. What ended with its process may be told, too. */
async function locals({ data, judge }: End, complain: Complain): Promise<void> {
  const count = async (sql: string, node: string) =>
    Number((await data.all(`SELECT count(*) FROM ${sql}`, [node]))[0]![0])
  const [[again] = [0]] = await data.all(
    "SELECT count(*) - count(DISTINCT body ->> '$.id') FROM events WHERE type = 'node.local_action'",
  )
  if (Number(again) > 0) complain('local', `${Number(again)} actions are told again`)
  for (const [node, done] of judge.locals.done) {
    const audited = await count("audit WHERE action LIKE 'local.%' AND target = ?", node)
    if (audited < done) complain('local', `${done} times at node ${node}, the audit log knows of ${audited}`)
    if ((await count('nodes WHERE uuid = ?', node)) === 0) continue
    const events = await count("events WHERE type = 'node.local_action' AND node = ?", node)
    const set = await count(
      "events WHERE type = 'node.maintenance' AND body ->> '$.reason' LIKE 'local %' AND node = ?",
      node,
    )
    if (events < done || set < events)
      complain('local', `${done} times at node ${node}: ${events} events, ${set} maintenances`)
  }
}
