// PUT states/provision: a verb moves a node along the state machine. Checks in Ironic's order: the verb's version, maintenance, the state
// machine (409 where the node is locked, else 400), then the arguments; the hub checks again, as the one writer.
import { z } from 'zod'
import { FaultError } from '../../../shared/faults.ts'
import { uuidv7 } from '../../../shared/ids.ts'
import { seal } from '../../../shared/sealing.ts'
import { choices, next, VERBS, type State, type Verb } from '../../../shared/states.ts'
import type { ProvisionArgs } from '../../site-hub/commands.ts'
import { readBody } from '../body.ts'
import type { Answer, Call, Route } from '../call.ts'
import { need } from '../microversion.ts'
import { BOOLEAN, boolean, invalid, readQuery } from '../query.ts'
import { findSite } from '../sites/find.ts'
import { Dict } from './attributes.ts'
import { rehearsed } from './dry-run.ts'
import { command, identColumn, noNode, underWay } from './find.ts'

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

/** Aborting came to some states later than the verb did. */
const ABORT_SINCE: Partial<Record<State, number>> = { 'inspect wait': 41, 'wait call-back': 110 }

/** A config drive is base64 of a gzipped image, a place to get it from, or its parts. */
const MAX_BODY_BYTES = 64 * 1024 * 1024
const ConfigDriveParts = z.strictObject({
  meta_data: Dict.optional(),
  network_data: Dict.optional(),
  user_data: z.union([z.string(), Dict, z.array(z.unknown())]).optional(),
  vendor_data: Dict.optional(),
})

const Steps = z.array(z.unknown()).nullable()
const ProvisionBody = z.strictObject({
  target: z.string({ error: 'the verb is needed' }).meta({ enum: Object.keys(VERBS) }),
  configdrive: z.union([z.string(), ConfigDriveParts]).nullable().optional(),
  clean_steps: Steps.optional(),
  deploy_steps: Steps.optional(),
  service_steps: Steps.optional(),
  rescue_password: z.string().nullable().optional(),
  disable_ramdisk: z.boolean().nullable().optional(),
  runbook: z.string().nullable().optional(),
})
type Body = z.infer<typeof ProvisionBody>

interface Target {
  readonly uuid: string
  readonly site: string
  readonly state: State
  readonly maintenance: boolean
  readonly task: string | null
  readonly reservation: string | null
}

async function provision(call: Call): Promise<Answer> {
  const dry = boolean(readQuery(call.search, ['dry_run']).get('dry_run') ?? 'false', 'dry_run')
  const ident = call.params['ident']!
  const body = await readBody(call.request, ProvisionBody, MAX_BODY_BYTES)
  if (!Object.hasOwn(VERBS, body.target)) throw invalid(`"${body.target}" is not a valid target`)
  const verb = body.target as Verb
  const node = await targetOf(call, ident)
  need(call.version, VERB_SINCE[verb], `The target "${verb}"`)
  if (node.maintenance && (verb === 'active' || verb === 'deploy' || verb === 'rebuild')) {
    throw new FaultError('node.maintenance', `Node ${ident} is in maintenance mode.`)
  }
  if (next(node.state, VERBS[verb], 'user') === undefined) throw impossible(node, ident, verb)
  if (verb === 'abort') need(call.version, ABORT_SINCE[node.state] ?? 1, `Aborting in "${node.state}"`)
  const args = await argumentsOf(call, node, verb, body, dry)
  if (dry) return rehearsed(call, node, verb)
  try {
    await command(call, node.site, { kind: 'node.provision', node: node.uuid, verb, args })
  } catch (error) {
    if (args.configdrive) await call.ports.blobs.delete(args.configdrive)
    throw error
  }
  return underWay(call, ident)
}

async function targetOf(call: Call, ident: string): Promise<Target> {
  const column = identColumn(ident, call.version)
  const sql = `SELECT uuid, site, provision_state, maintenance, task, reservation FROM nodes WHERE ${column} = ?`
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

function impossible(node: Target, ident: string, verb: Verb): FaultError {
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

/** What a verb takes, and nothing that would be dropped in silence: steps chosen by the caller are refused, not ignored. */
async function argumentsOf(call: Call, node: Target, verb: Verb, body: Body, dry: boolean): Promise<ProvisionArgs> {
  const { target: _, configdrive, ...others } = body
  for (const [name, value] of Object.entries(others)) {
    if (value !== undefined && value !== null) throw invalid(`"${name}" is not served for the target "${verb}"`)
  }
  if (configdrive === undefined || configdrive === null) return {}
  const trigger = VERBS[verb]
  if (trigger !== 'deploy' && trigger !== 'rebuild')
    throw invalid(`A config drive is not possible with the target "${verb}"`)
  if (trigger === 'rebuild') need(call.version, 35, 'A config drive with rebuild')
  if (typeof configdrive !== 'string')
    need(call.version, configdrive.vendor_data === undefined ? 56 : 59, 'This config drive')
  else if (!configdrive.includes('://') && !/^[A-Za-z0-9+/=\s]*$/.test(configdrive)) {
    throw new FaultError('config_drive.invalid', 'The config drive is neither base64 nor a URL.')
  }
  if (dry) return {}
  return {
    configdrive: await keep(call, node, typeof configdrive === 'string' ? configdrive : JSON.stringify(configdrive)),
  }
}

/** Seals the config drive to the site and stores it; it may hold passwords, so no row, frame or log ever has it. Answers its key. */
async function keep(call: Call, node: Target, plain: string): Promise<string> {
  const site = await findSite(call.sql, node.site)
  if (!site.public_key)
    throw new FaultError('site.no_key', `Site ${site.name} has no key yet, so it can keep no config drive.`)
  const to = {
    organisation: call.principal.organisation,
    site: site.id,
    node: node.uuid,
    field: 'instance_info.configdrive',
  }
  const key = `sites/${site.id}/nodes/${node.uuid}/configdrive-${uuidv7(call.ports.env)}`
  await call.ports.blobs.put(key, new TextEncoder().encode(await seal(site.public_key, to, plain)))
  return key
}

export const provisionRoutes: readonly Route[] = [
  {
    method: 'PUT',
    path: '/v1/nodes/:ident/states/provision',
    about: 'Moves a node along the state machine, by a verb',
    body: ProvisionBody,
    conditional: true,
    maxBytes: MAX_BODY_BYTES,
    query: { dry_run: { about: 'Says what would be done, and does nothing', schema: BOOLEAN } },
    run: provision,
  },
]
