// The endpoints of a resource: its list, its items, and their creation, change and deletion.
import type { z } from 'zod'
import { readBody } from './body.ts'
import { empty, type Answer, type Call, type Route } from './call.ts'
import { answerOf, findRow, textOf } from './items.ts'
import { need } from './microversion.ts'
import type { Condition } from './order.ts'
import { checkPatch, PatchBody, type Patchable } from './patch.ts'
import { fieldsArgument, list, listQuery, readQuery } from './query.ts'
import { bodyOf, patchableOf, type Attributes, type Body, type Resource } from './resource.ts'

/** Every endpoint of the resource itself. */
export function routesOf(resource: Resource): Route[] {
  const { since, tooOld, detailPath, noun } = resource
  const path = `/v1/${resource.path}`
  const body = bodyOf(resource)
  const allowed = patchableOf(resource)
  const write = tooOld ? { since, tooOld } : { since }
  const one = `${path}/:ident`
  const a = `${/^[AEIOU]/.test(noun) ? 'an' : 'a'} ${noun.toLowerCase()}`
  return [
    {
      method: 'GET',
      path,
      since,
      about: `Lists ${plural(resource)}`,
      query: listQuery(resource),
      list: resource,
      run: (call) => list(resource, call, { path }),
    },
    ...(detailPath ? [detailRoute(resource, `${path}/detail`, since)] : []),
    {
      method: 'POST',
      path,
      ...write,
      about: `Creates ${a}`,
      body,
      one: resource,
      run: (call) => create(resource, body, call),
    },
    {
      method: 'GET',
      path: one,
      since,
      about: `Shows ${a}`,
      query: fieldsArgument(resource),
      one: resource,
      run: (call) => getOne(resource, call),
    },
    {
      method: 'PATCH',
      path: one,
      ...write,
      since: resource.patchSince ?? since,
      about: `Changes ${a}`,
      body: PatchBody,
      patch: allowed,
      one: resource,
      conditional: true,
      ...(resource.patchQuery ? { query: resource.patchQuery } : {}),
      run: (call) => patch(resource, allowed, call),
    },
    {
      method: 'DELETE',
      path: one,
      ...write,
      about: `Deletes ${a}`,
      conditional: true,
      run: (call) => remove(resource, call),
    },
  ]
}

/** The resource's list at a path of another, narrowed to what belongs to that. */
export function listsWithin(
  resource: Resource,
  path: string,
  since: number,
  whose: (call: Call, ident: string) => Promise<Condition>,
): Route[] {
  const fixed = async (call: Call) => whose(call, call.params['ident']!)
  const about = `Lists ${plural(resource)} of ${/\/v1\/(\w+)/.exec(path)![1]!.replace(/s$/, '')} ident`
  return [
    {
      method: 'GET',
      path,
      since,
      about,
      query: listQuery(resource),
      list: resource,
      run: async (call) => list(resource, call, { fixed: await fixed(call), path: filled(path, call) }),
    },
    ...(resource.detailPath ? [detailRoute(resource, `${path}/detail`, since, fixed)] : []),
  ]
}

function detailRoute(
  resource: Resource,
  path: string,
  since: number,
  fixed?: (call: Call) => Promise<Condition>,
): Route {
  return {
    method: 'GET',
    path,
    since,
    about: `Lists ${plural(resource)} with all their fields`,
    query: listQuery(resource),
    list: resource,
    async run(call) {
      const whose = fixed ? { fixed: await fixed(call) } : {}
      return list(resource, call, { ...whose, detail: true, path: filled(path, call) })
    },
  }
}

const filled = (path: string, call: Call): string => path.replace(':ident', call.params['ident'] ?? '')

const plural = (resource: Resource): string => resource.path.replaceAll(/[_/]/g, ' ')

/** Throws 406 when the body sets something newer than the request's version. */
function needFields(call: Call, body: Body, attributes: Attributes): void {
  for (const name of Object.keys(body)) need(call.version, attributes[name]!.since, `The field ${name}`)
}

async function getOne(resource: Resource, call: Call): Promise<Answer> {
  const fields = readQuery(call.search, ['fields']).get('fields')
  if (fields !== undefined) need(call.version, resource.fieldsSince, 'The argument fields')
  const ident = call.params['ident']!
  const answer =
    fields === undefined
      ? await answerOf(resource, call, ident)
      : { status: 200, body: await textOf(resource, call, ident, fields) }
  resource.shown?.(call, answer.body)
  return answer
}

async function create(resource: Resource, schema: z.ZodType<Body>, call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const given = await readBody(call.request, schema)
  // Clients say null for a UUID that they leave to the server.
  const { uuid: _, ...rest } = given
  const body = given['uuid'] === null ? rest : given
  needFields(call, body, resource.attributes)
  const uuid = await resource.writer.create(call, body)
  const answer = await answerOf(resource, call, uuid, 201, { Location: `${call.base}/v1/${resource.path}/${uuid}` })
  resource.writer.created?.(call, uuid)
  return answer
}

async function patch(resource: Resource, allowed: Readonly<Record<string, Patchable>>, call: Call): Promise<Answer> {
  const query = readQuery(call.search, Object.keys(resource.patchQuery ?? {}))
  const operations = checkPatch(await readBody(call.request, PatchBody), allowed, call.version)
  const found = await findRow(resource, call, call.params['ident']!)
  await resource.writer.patch(call, found, operations, query)
  return answerOf(resource, call, found.uuid)
}

async function remove(resource: Resource, call: Call): Promise<Answer> {
  readQuery(call.search, [])
  await resource.writer.remove(call, await findRow(resource, call, call.params['ident']!))
  return empty(204)
}
