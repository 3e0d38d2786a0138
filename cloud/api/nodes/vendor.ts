// Vendor passthru of a node: a method of the driver's vendor interface by name, with any HTTP method that it takes and a body of its own. A
// synchronous one is a call whose result is the answer as it is; an asynchronous one is checked, and then a task of one step (202), or a call as well where
// the node may be locked.
import { z } from 'zod'
import { readBody } from '../body.ts'
import { empty, json, jsonOf, type Answer, type Call, type Method, type QueryArgument, type Route } from '../call.ts'
import { invalid, readQuery } from '../query.ts'
import { ask, change, shaped } from './ask.ts'
import { command, findNode } from './find.ts'

const Body = z.record(z.string(), z.unknown())

const Methods = z.record(
  z.string(),
  z.looseObject({
    http_methods: z.array(z.string()),
    async: z.boolean(),
    require_exclusive_lock: z.boolean().optional(),
  }),
)

async function methodsOf(call: Call): Promise<z.infer<typeof Methods>> {
  return shaped(Methods, await ask(call, call.params['ident']!, 'vendor', 'get_methods'), 'a list of methods')
}

async function listMethods(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  return json(await methodsOf(call))
}

async function passThrough(call: Call): Promise<Answer> {
  const query = Object.fromEntries(new URLSearchParams(call.search))
  const { method: named, ...rest } = query
  const name = call.params['method'] ?? named
  if (!name) throw invalid('The vendor method is needed')
  const methods = await methodsOf(call)
  const method = Object.hasOwn(methods, name) ? methods[name]! : undefined
  if (!method) throw invalid(`The vendor method "${name}" is not known: ${Object.keys(methods).join(', ')}`)
  const { request } = call
  if (!method.http_methods.includes(request.method))
    throw invalid(`The vendor method "${name}" does not take ${request.method}: ${method.http_methods.join(', ')}`)
  const args = { ...rest, ...(await readBody(request, Body)) }
  const ident = call.params['ident']!
  if (!method.async || !method.require_exclusive_lock) {
    const relay = method.require_exclusive_lock ? change : ask
    const answer = await relay(call, ident, 'vendor', name, args)
    return method.async ? empty(202) : jsonOf(answer)
  }
  await ask(call, ident, 'vendor', 'validate', { method: name, args })
  const node = await findNode(call, ident)
  const wanted = { kind: 'node.step', node: node.uuid, task: 'vendor', interface: 'vendor', step: name, args } as const
  await command(call, node.site, wanted)
  return empty(202)
}

/** The method in the query, where the path does not name it. */
export const METHOD_ARGUMENT: QueryArgument = {
  about: 'Name of the vendor method',
  schema: { type: 'string', minLength: 1 },
  required: true,
}
const METHODS: readonly Method[] = ['DELETE', 'GET', 'PATCH', 'POST', 'PUT']
const PATH = '/v1/nodes/:ident/vendor_passthru'

export const vendorRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${PATH}/methods`,
    about: 'Vendor methods of the node and how each is called',
    run: listMethods,
  },
  ...METHODS.flatMap((method): Route[] => {
    const about = 'Calls a vendor method; its result is the answer, or 202 where it is asynchronous'
    const more = {
      about,
      passthrough: true as const,
      ...(method === 'GET' || method === 'DELETE' ? {} : { body: Body }),
    }
    const query = { method: METHOD_ARGUMENT }
    return [
      { method, path: `${PATH}/:method`, ...more, run: passThrough },
      { method, path: PATH, ...more, query, run: passThrough },
    ]
  }),
]
