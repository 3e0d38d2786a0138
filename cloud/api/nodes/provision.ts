// PUT states/provision: a verb moves a node along the state machine. Checks in Ironic's order: the verb's version, maintenance, the state
// machine (409 where the node is locked, else 400), then the arguments; the hub checks again, as the one writer.
import { FaultError } from '../../../shared/faults.ts'
import { choices, next, VERBS, type State, type Verb } from '../../../shared/states.ts'
import { readBody } from '../body.ts'
import type { Answer, Call, Route } from '../call.ts'
import { need } from '../microversion.ts'
import { BOOLEAN, boolean, invalid, readQuery } from '../query.ts'
import { rehearsed } from './dry-run.ts'
import type { Target } from './config-drive.ts'
import { command, identColumn, noNode, underWay } from './find.ts'
import { argumentsOf, AskedVerb, MAX_BODY_BYTES, ProvisionBody } from './provision-arguments.ts'
import { refuseUndeployable } from './validation.ts'

const VERB_SINCE: Record<Verb, number> = {
  active: 1,
  deploy: 73,
  rebuild: 1,
  deleted: 1,
  undeploy: 73,
  manage: 4,
  provide: 4,
  inspect: 6,
  abort: 13,
  clean: 15,
  adopt: 17,
  rescue: 38,
  unrescue: 38,
  unhold: 85,
  service: 87,
}

/** Triggers before which Ironic validates what deploys. */
const DEPLOYS: ReadonlySet<string> = new Set(['deploy', 'rebuild'])

/** Aborting came to some states later than the verb did. */
const ABORT_SINCE: Partial<Record<State, number>> = { 'inspect wait': 41, 'wait call-back': 110 }

interface Found extends Target {
  readonly state: State
  readonly maintenance: boolean
  readonly task: string | null
  readonly reservation: string | null
}

async function provision(call: Call): Promise<Answer> {
  const dry = boolean(readQuery(call.search, ['dry_run']).get('dry_run') ?? 'false', 'dry_run')
  const ident = call.params['ident']!
  const body = await readBody(call.request, AskedVerb, MAX_BODY_BYTES)
  const node = await targetOf(call, ident)
  if (!Object.hasOwn(VERBS, body.target)) throw invalid(`"${body.target}" is not a valid target`)
  const verb = body.target as Verb
  need(call.version, VERB_SINCE[verb], `The target "${verb}"`)
  if (node.maintenance && (verb === 'active' || verb === 'deploy' || verb === 'rebuild')) {
    throw new FaultError('node.maintenance', `Node ${ident} is in maintenance mode.`)
  }
  if (next(node.state, VERBS[verb], 'user') === undefined) throw impossible(node, ident, verb)
  if (verb === 'abort') need(call.version, ABORT_SINCE[node.state] ?? 1, `Aborting in "${node.state}"`)
  const args = await argumentsOf(call, node, verb, body)
  try {
    if (DEPLOYS.has(VERBS[verb])) await refuseUndeployable(call, node)
    if (dry) return await rehearsed(call, node, verb, args)
    await command(call, node.site, { kind: 'node.provision', node: node.uuid, verb, args })
  } catch (error) {
    if (args.configdrive) await call.ports.blobs.delete(args.configdrive)
    throw error
  }
  return underWay(call, ident)
}

async function targetOf(call: Call, ident: string): Promise<Found> {
  const column = identColumn(ident, call.version)
  const sql = `SELECT uuid, site, provision_state, maintenance, task, reservation FROM nodes WHERE ${column} = ? LIMIT 1`
  const [row] = await call.sql.all(sql, [column === 'uuid' ? ident.toLowerCase() : ident])
  if (!row) throw noNode(ident)
  const [uuid, site, state, maintenance, task, reservation] = row
  return {
    uuid: String(uuid),
    site: String(site),
    state: state as State,
    maintenance: maintenance === 1,
    task: task as string | null,
    reservation: reservation as string | null,
  }
}

function impossible(node: Found, ident: string, verb: Verb): FaultError {
  if (node.task !== null) {
    const holder = node.reservation ?? 'none yet'
    return new FaultError(
      'node.locked',
      `Node ${ident} is locked by host ${holder}, please retry after the current operation is completed.`,
    )
  }
  const possible = choices(node.state)
  return new FaultError(
    'state.invalid',
    `The requested action "${verb}" can not be performed on node "${ident}" while it is in state "${node.state}".`,
    {
      hint: possible.length > 0 ? `from here: ${possible.join(', ')}` : 'wait until the work under way has ended',
    },
  )
}

export const provisionRoutes: readonly Route[] = [
  {
    method: 'PUT',
    path: '/v1/nodes/:ident/states/provision',
    about: 'Moves a node along its states: deploys, cleans, rescues, … it. 202: the work has begun',
    body: ProvisionBody,
    conditional: true,
    maxBytes: MAX_BODY_BYTES,
    query: { dry_run: { about: 'Says what would be done, and does nothing', schema: BOOLEAN } },
    run: provision,
  },
]
