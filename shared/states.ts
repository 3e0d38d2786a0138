// The provision state machine as one table: Ironic's 30 states and every transition, with who may cause it.
// Types, next(), API hints, the diagram in docs and the property tests all come from here. Wire strings are exact.
// 1. A state changes only along a row of TRANSITIONS. 2. (from, trigger) is unique.

/** How a state behaves. `busy`: a task works. `waiting`: the task waits for the agent. `held`: parked until unhold. */
export type StateKind = 'stable' | 'busy' | 'waiting' | 'held' | 'failed'

/** kind, and the state that the node is on its way to (target_provision_state); expectedS: seconds after which it is overdue. */
interface StateFacts {
  readonly kind: StateKind
  readonly target?: 'manageable' | 'available' | 'active' | 'rescue'
  readonly expectedS?: number
}

export const STATES = {
  enroll: { kind: 'stable' },
  verifying: { kind: 'busy', target: 'manageable', expectedS: 60 },
  manageable: { kind: 'stable' },
  available: { kind: 'stable' },
  deploying: { kind: 'busy', target: 'active', expectedS: 1800 },
  'wait call-back': { kind: 'waiting', target: 'active', expectedS: 900 },
  'deploy hold': { kind: 'held', target: 'active' },
  'deploy failed': { kind: 'failed', target: 'active' },
  active: { kind: 'stable' },
  deleting: { kind: 'busy', target: 'available', expectedS: 300 },
  error: { kind: 'stable' },
  cleaning: { kind: 'busy', target: 'available', expectedS: 3600 },
  'clean wait': { kind: 'waiting', target: 'available', expectedS: 900 },
  'clean hold': { kind: 'held', target: 'available' },
  'clean failed': { kind: 'failed', target: 'available' },
  inspecting: { kind: 'busy', target: 'manageable', expectedS: 300 },
  'inspect wait': { kind: 'waiting', target: 'manageable', expectedS: 900 },
  'inspect failed': { kind: 'failed', target: 'manageable' },
  adopting: { kind: 'busy', target: 'active', expectedS: 60 },
  'adopt failed': { kind: 'failed', target: 'active' },
  rescuing: { kind: 'busy', target: 'rescue', expectedS: 300 },
  'rescue wait': { kind: 'waiting', target: 'rescue', expectedS: 900 },
  rescue: { kind: 'stable' },
  'rescue failed': { kind: 'failed', target: 'rescue' },
  unrescuing: { kind: 'busy', target: 'active', expectedS: 300 },
  'unrescue failed': { kind: 'failed', target: 'active' },
  servicing: { kind: 'busy', target: 'active', expectedS: 1800 },
  'service wait': { kind: 'waiting', target: 'active', expectedS: 900 },
  'service hold': { kind: 'held', target: 'active' },
  'service failed': { kind: 'failed', target: 'active' },
} as const satisfies Record<string, StateFacts>

export type State = keyof typeof STATES
export const STATE_NAMES = Object.keys(STATES) as State[]

/** Why a node went into maintenance by itself, in Ironic's words. */
export const NODE_FAULTS = ['power failure', 'clean failure', 'service failure', 'rescue abort failure'] as const
export type NodeFault = (typeof NODE_FAULTS)[number]

/** Verbs of `PUT /v1/nodes/{id}/states/provision` (the `target` string) and the trigger each one is. */
export const VERBS = {
  active: 'deploy',
  deploy: 'deploy',
  rebuild: 'rebuild',
  deleted: 'delete',
  undeploy: 'delete',
  manage: 'manage',
  provide: 'provide',
  inspect: 'inspect',
  abort: 'abort',
  clean: 'clean',
  adopt: 'adopt',
  rescue: 'rescue',
  unrescue: 'unrescue',
  unhold: 'unhold',
  service: 'service',
} as const
export type Verb = keyof typeof VERBS

/** A person (through the API) or the work itself (a conductor's report, a timer of the hub). */
export type Actor = 'user' | 'task'

/** Internal triggers, reported by the task that works on the node. */
export type TaskTrigger = 'done' | 'fail' | 'wait' | 'resume' | 'hold' | 'clean' | 'manage'
export type UserTrigger = (typeof VERBS)[Verb]
export type Trigger = UserTrigger | TaskTrigger

type Row = readonly [from: State, trigger: Trigger, to: State, actor: Actor]

// prettier-ignore
export const TRANSITIONS: readonly Row[] = [
  ['enroll', 'manage', 'verifying', 'user'],
  ['verifying', 'done', 'manageable', 'task'],
  ['verifying', 'fail', 'enroll', 'task'],

  ['manageable', 'provide', 'cleaning', 'user'],
  ['manageable', 'clean', 'cleaning', 'user'],
  ['manageable', 'inspect', 'inspecting', 'user'],
  ['manageable', 'adopt', 'adopting', 'user'],
  ['available', 'deploy', 'deploying', 'user'],
  ['available', 'manage', 'manageable', 'user'],

  ['deploying', 'wait', 'wait call-back', 'task'],
  ['deploying', 'hold', 'deploy hold', 'task'],
  ['deploying', 'fail', 'deploy failed', 'task'],
  ['deploying', 'done', 'active', 'task'],
  ['wait call-back', 'resume', 'deploying', 'task'],
  ['wait call-back', 'hold', 'deploy hold', 'task'],
  ['wait call-back', 'fail', 'deploy failed', 'task'],
  ['wait call-back', 'abort', 'deploy failed', 'user'],
  ['wait call-back', 'delete', 'deleting', 'user'],
  ['deploy hold', 'unhold', 'wait call-back', 'user'],
  ['deploy hold', 'abort', 'deploy failed', 'user'],
  ['deploy failed', 'rebuild', 'deploying', 'user'],
  ['deploy failed', 'deploy', 'deploying', 'user'],
  ['deploy failed', 'delete', 'deleting', 'user'],

  ['active', 'rebuild', 'deploying', 'user'],
  ['active', 'delete', 'deleting', 'user'],
  ['active', 'rescue', 'rescuing', 'user'],
  ['active', 'service', 'servicing', 'user'],
  ['deleting', 'clean', 'cleaning', 'task'],
  ['deleting', 'fail', 'error', 'task'],
  ['error', 'rebuild', 'deploying', 'user'],
  ['error', 'delete', 'deleting', 'user'],

  ['cleaning', 'wait', 'clean wait', 'task'],
  ['cleaning', 'hold', 'clean hold', 'task'],
  ['cleaning', 'fail', 'clean failed', 'task'],
  ['cleaning', 'done', 'available', 'task'],
  ['cleaning', 'manage', 'manageable', 'task'],
  ['clean wait', 'resume', 'cleaning', 'task'],
  ['clean wait', 'hold', 'clean hold', 'task'],
  ['clean wait', 'fail', 'clean failed', 'task'],
  ['clean wait', 'abort', 'clean failed', 'user'],
  ['clean hold', 'unhold', 'clean wait', 'user'],
  ['clean hold', 'abort', 'clean failed', 'user'],
  ['clean failed', 'manage', 'manageable', 'user'],

  ['inspecting', 'wait', 'inspect wait', 'task'],
  ['inspecting', 'done', 'manageable', 'task'],
  ['inspecting', 'fail', 'inspect failed', 'task'],
  ['inspect wait', 'resume', 'inspecting', 'task'],
  ['inspect wait', 'done', 'manageable', 'task'],
  ['inspect wait', 'fail', 'inspect failed', 'task'],
  ['inspect wait', 'abort', 'inspect failed', 'user'],
  ['inspect failed', 'manage', 'manageable', 'user'],
  ['inspect failed', 'inspect', 'inspecting', 'user'],

  ['adopting', 'done', 'active', 'task'],
  ['adopting', 'fail', 'adopt failed', 'task'],
  ['adopt failed', 'adopt', 'adopting', 'user'],
  ['adopt failed', 'manage', 'manageable', 'user'],

  ['rescuing', 'wait', 'rescue wait', 'task'],
  ['rescuing', 'done', 'rescue', 'task'],
  ['rescuing', 'fail', 'rescue failed', 'task'],
  ['rescue wait', 'resume', 'rescuing', 'task'],
  ['rescue wait', 'fail', 'rescue failed', 'task'],
  ['rescue wait', 'abort', 'rescue failed', 'user'],
  ['rescue wait', 'delete', 'deleting', 'user'],
  ['rescue', 'rescue', 'rescuing', 'user'],
  ['rescue', 'unrescue', 'unrescuing', 'user'],
  ['rescue', 'delete', 'deleting', 'user'],
  ['rescue failed', 'rescue', 'rescuing', 'user'],
  ['rescue failed', 'unrescue', 'unrescuing', 'user'],
  ['rescue failed', 'delete', 'deleting', 'user'],
  ['unrescuing', 'done', 'active', 'task'],
  ['unrescuing', 'fail', 'unrescue failed', 'task'],
  ['unrescue failed', 'rescue', 'rescuing', 'user'],
  ['unrescue failed', 'unrescue', 'unrescuing', 'user'],
  ['unrescue failed', 'delete', 'deleting', 'user'],

  ['servicing', 'wait', 'service wait', 'task'],
  ['servicing', 'hold', 'service hold', 'task'],
  ['servicing', 'fail', 'service failed', 'task'],
  ['servicing', 'done', 'active', 'task'],
  ['service wait', 'resume', 'servicing', 'task'],
  ['service wait', 'hold', 'service hold', 'task'],
  ['service wait', 'fail', 'service failed', 'task'],
  ['service wait', 'abort', 'service failed', 'user'],
  ['service wait', 'delete', 'deleting', 'user'],
  ['service hold', 'service', 'servicing', 'user'],
  ['service hold', 'unhold', 'service wait', 'user'],
  ['service hold', 'fail', 'service failed', 'task'],
  ['service hold', 'abort', 'service failed', 'user'],
  ['service failed', 'service', 'servicing', 'user'],
  ['service failed', 'rescue', 'rescuing', 'user'],
  ['service failed', 'delete', 'deleting', 'user'],
  ['service failed', 'abort', 'active', 'user'],
  ['service failed', 'wait', 'service wait', 'task'],
  ['service failed', 'hold', 'service hold', 'task'],
]

const index = new Map(TRANSITIONS.map((row) => [`${row[0]}|${row[1]}`, row]))

/** The state that `trigger` by `actor` leads to from `from`; undefined where the table has no such row. */
export function next(from: State, trigger: Trigger, actor: Actor): State | undefined {
  const row = index.get(`${from}|${trigger}`)
  return row?.[3] === actor ? row[2] : undefined
}

/** The API verbs that are possible from a state, in Ironic's preferred spelling: the hint of an error, a console's buttons. */
export function choices(from: State): Verb[] {
  const triggers = new Set(TRANSITIONS.filter((row) => row[0] === from && row[3] === 'user').map((row) => row[1]))
  const preferred = (Object.keys(VERBS) as Verb[]).filter((verb) => verb !== 'deploy' && verb !== 'undeploy')
  return preferred.filter((verb) => triggers.has(VERBS[verb]))
}

/** A node at rest: no task works on it. */
export function isResting(state: State): boolean {
  const { kind } = STATES[state]
  return kind === 'stable' || kind === 'failed'
}

export function targetOf(state: State): string | null {
  const facts: StateFacts = STATES[state]
  return facts.target ?? null
}
