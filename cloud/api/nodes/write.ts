// Creating, changing and deleting nodes: shapes are checked here, everything else is the hub's word.
import { FaultError } from '../../../shared/faults.ts'
import { MASK } from '../../../shared/sealing.ts'
import type { NewNode } from '../../site-hub/commands.ts'
import { readBody } from '../body.ts'
import { empty, type Answer, type Call, type Route } from '../call.ts'
import { need } from '../microversion.ts'
import { checkPatch, PatchBody } from '../patch.ts'
import { readQuery } from '../query.ts'
import { siteForNode } from '../sites/find.ts'
import { NODE_PATCHABLE, NODE_SINCE, NodeBody } from './attributes.ts'
import { command, findNode } from './find.ts'
import { nodeAnswer, NODES } from './read.ts'

/** Throws 406 when the body sets something newer than the request's version. */
export function needFields(call: Call, body: object, since: Readonly<Record<string, { since: number }>>): void {
  for (const name of Object.keys(body)) need(call.version, since[name]!.since, `The field ${name}`)
}

/** A config drive may hold passwords and is sealed; instance_info is a row that is read. What was read (******) may be written back. */
function refuseConfigDrive(instanceInfo: unknown): void {
  const { configdrive } = (instanceInfo ?? {}) as { configdrive?: unknown }
  if (configdrive === undefined || configdrive === null || configdrive === MASK) return
  throw new FaultError('request.invalid', 'instance_info.configdrive cannot be set.', {
    hint: 'give the config drive with the verb: PUT /v1/nodes/{id}/states/provision {"target": "active", "configdrive": …}',
  })
}

async function createNode(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const body: Record<string, unknown> = await readBody(call.request, NodeBody)
  needFields(call, body, NODE_SINCE)
  refuseConfigDrive(body['instance_info'])
  const { conductor_group: group, ...node } = body
  const site = await siteForNode(call.sql, group as string | undefined)
  const { uuid } = (await command(call, site, { kind: 'node.create', node: node as NewNode })) as { uuid: string }
  return nodeAnswer(call, uuid, 201, { Location: `${call.base}/v1/nodes/${uuid}` })
}

async function patchNode(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const patch = checkPatch(await readBody(call.request, PatchBody), NODE_PATCHABLE, call.version)
  for (const { path, value } of patch) {
    if (path === '/instance_info') refuseConfigDrive(value)
    if (path === '/instance_info/configdrive') refuseConfigDrive({ configdrive: value })
  }
  const node = await findNode(call, call.params['ident']!)
  await command(call, node.site, { kind: 'node.patch', node: node.uuid, patch })
  return nodeAnswer(call, node.uuid)
}

async function deleteNode(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const node = await findNode(call, call.params['ident']!)
  await command(call, node.site, { kind: 'node.delete', node: node.uuid })
  return empty(204)
}

export const writeRoutes: readonly Route[] = [
  { method: 'POST', path: '/v1/nodes', about: 'Enrols a node', body: NodeBody, one: NODES, run: createNode },
  {
    method: 'PATCH',
    path: '/v1/nodes/:ident',
    about: 'Changes a node',
    patch: NODE_PATCHABLE,
    one: NODES,
    conditional: true,
    run: patchNode,
  },
  { method: 'DELETE', path: '/v1/nodes/:ident', about: 'Removes a node', conditional: true, run: deleteNode },
]
