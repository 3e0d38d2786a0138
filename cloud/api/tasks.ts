// Tasks (ours): long work on a node, with its steps, how far it is, why it failed, what to do next, and by when it should have ended.
import { FaultError } from '../../shared/faults.ts'
import { STATES, type State } from '../../shared/states.ts'
import { flag, json as jsonColumn, links, NOW, shownArgs, sortOf, type Field } from '../store/json-sql.ts'
import { json, type Answer, type Call, type Route } from './call.ts'
import { findNode } from './nodes/find.ts'
import { expression, fieldsArgument, IDENT, invalid, list, names, readQuery, type ListKind } from './query.ts'

const field = (name: string, since: number, sql: Field['sql']): Field => ({ name, since, sql })
const number = (name: string, sql: string): Field => ({ name, since: 1, sql, type: 'integer' })

/** The state in which a node is while a task of this kind works on it: what is expected of the state is expected of the task. */
const STATE_OF: Readonly<Record<string, State>> = {
  verify: 'verifying',
  deploy: 'deploying',
  rebuild: 'deploying',
  clean: 'cleaning',
  'tear-down': 'deleting',
  inspect: 'inspecting',
  adopt: 'adopting',
  rescue: 'rescuing',
  unrescue: 'unrescuing',
  service: 'servicing',
}
/** Power and undo, which have no state of their own. */
const SHORT_S = 300

/** How long a task of this kind usually takes at most, in seconds. */
export function expectedS(kind: string): number {
  const state = STATE_OF[kind]
  const facts = state && STATES[state]
  return facts && 'expectedS' in facts ? facts.expectedS : SHORT_S
}

const TIME = (what: string) => `strftime('%Y-%m-%dT%H:%M:%f+00:00', ${what})`
const EXPECTED_S = `CASE t.kind ${Object.keys(STATE_OF)
  .map((kind) => `WHEN '${kind}' THEN ${expectedS(kind)}`)
  .join(' ')} ELSE ${SHORT_S} END`
const EXPECTED_AT = TIME(`coalesce(t.started_at, t.created_at), '+' || ${EXPECTED_S} || ' seconds'`)

/** What was said last of how far the step under way is. */
const SAID = `(SELECT body ->> '$.percent' FROM notes WHERE node = t.node AND task = t.id AND body ->> '$.percent' IS NOT NULL ORDER BY id DESC LIMIT 1)`
const STEP_STATE =
  `CASE WHEN key < t.done_steps OR t.state = 'done' THEN 'done' WHEN t.state = 'open' THEN iif(t.intent ->> '$.step' = key, 'running', 'pending')` +
  ` WHEN key = t.done_steps THEN t.state ELSE 'skipped' END`
const STEPS =
  `(SELECT json_group_array(json_object('interface', value ->> '$.interface', 'step', value ->> '$.step', 'state', ${STEP_STATE},` +
  ` 'percent', CASE ${STEP_STATE} WHEN 'done' THEN 100 WHEN 'running' THEN ${SAID} END, 'timeout_ms', value ->> '$.timeoutMs')) FROM json_each(t.steps))`
const NEXT_ACTION = `CASE WHEN t.state = 'open' AND t.conductor IS NULL THEN 'start a conductor at the site that serves the driver of the node' ELSE t.fault ->> '$.hint' END`

const TASK_STATES = ['open', 'done', 'failed', 'cancelled']
const TASK_FROM = 'tasks t LEFT JOIN conductors c ON c.id = t.conductor'
export const TASKS: ListKind = {
  key: 'tasks',
  noun: 'Task',
  from: TASK_FROM,
  uuid: 't.id',
  id: 't.id', // UUIDv7: in the order of making
  fields: [
    field('uuid', 1, 't.id'),
    field('node_uuid', 1, 't.node'),
    field('site_uuid', 1, 't.site'),
    field('kind', 1, 't.kind'),
    field('state', 1, 't.state'),
    field('conductor', 1, 'c.hostname'),
    // Arguments and context may hold what is not to be shown.
    field('steps', 1, jsonColumn(STEPS)),
    number('steps_done', 't.done_steps'),
    number('percent', `iif(t.state = 'done', 100, t.done_steps * 100 / max(1, json_array_length(t.steps)))`),
    field('cancelling', 1, flag(`(t.cancel AND t.state = 'open')`)),
    field('fault', 1, jsonColumn('t.fault')),
    field('cause', 1, `t.fault ->> '$.message'`),
    field('next_action', 1, NEXT_ACTION),
    field('expected_at', 1, EXPECTED_AT),
    field('overdue', 1, flag(`(t.state = 'open' AND julianday(${EXPECTED_AT}) < ${NOW})`)),
    field('deadline', 1, TIME(`t.deadline_ms / 1000.0, 'unixepoch'`)),
    field('actor', 1, 't.actor'),
    field('request_id', 1, 't.request_id'),
    field('created_at', 1, 't.created_at'),
    field('started_at', 1, 't.started_at'),
    field('finished_at', 1, 't.finished_at'),
    field('links', 1, links('tasks', 't.id')),
  ],
  brief: ['uuid', 'node_uuid', 'kind', 'state', 'percent', 'overdue', 'links'],
  sort: sortOf([], 't.id'),
  fieldsSince: 1,
  detailSince: 1,
  filters: {
    node: {
      since: 1,
      about: 'Only of this node (UUID or name)',
      schema: IDENT,
      where: async (text, call) => ({ sql: 't.node = @', args: [(await findNode(call, text)).uuid] }),
    },
    state: {
      since: 1,
      schema: { enum: TASK_STATES },
      where(text) {
        if (!TASK_STATES.includes(text)) throw invalid(`"${text}" is not a state of a task`)
        return { sql: 't.state = @', args: [text] }
      },
    },
    kind: { since: 1, where: (text) => ({ sql: 't.kind = @', args: [text] }) },
  },
}

async function task(call: Call): Promise<Answer> {
  const fields = readQuery(call.search, ['fields']).get('fields')
  const id = call.params['id']!
  const shown = expression(TASKS, call.version, fields === undefined ? undefined : names(fields).sort().join(','))
  const [row] = await call.sql.all(`SELECT ${shown} FROM ${TASK_FROM} WHERE t.id = ?3`, [
    ...shownArgs(call),
    id.toLowerCase(),
  ])
  if (!row) throw new FaultError('not_found', `Task ${id} could not be found.`)
  return json(String(row[0]))
}

export const taskRoutes: readonly Route[] = [
  { method: 'GET', path: '/v1/tasks', about: 'A page of tasks', list: TASKS, run: (call) => list(TASKS, call) },
  {
    method: 'GET',
    path: '/v1/tasks/:id',
    about: 'One task: its steps, how far it is, why it failed, and what to do next',
    one: TASKS,
    query: fieldsArgument(TASKS),
    run: task,
  },
]
