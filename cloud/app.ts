// The cloud's API for any host: web-standard requests in, responses out, everything else through the ports.
// One pipeline for every route: microversion, token, handler; each failure leaves as the one error body of errors.ts.
import { Hono, type Context } from 'hono'
import { toFault, FaultError } from '../shared/faults.ts'
import { authorise, Authenticator, type Principal } from './auth/principal.ts'
import type { Answer, Call, Method, Route } from './api/call.ts'
import { faultAnswer } from './api/errors.ts'
import { once } from './api/idempotency.ts'
import { negotiate, versionHeaders } from './api/microversion.ts'
import { canonicalPath, endsWithExtension } from './api/path.ts'
import { ROUTES } from './api/routes.ts'
import { waited } from './api/wait.ts'
import type { Ports, Sql } from './ports.ts'

const METHODS: readonly Method[] = ['DELETE', 'GET', 'PATCH', 'POST', 'PUT']
const NOBODY: Principal = { organisation: '', actor: 'nobody', scopes: [] }

export interface App<E> {
  fetch(request: Request, env?: E): Promise<Response>
}

/** `ports`: one set for the whole life of a server, or made per request where the platform wants that (Workers). */
export function createApp<E = unknown>(ports: Ports | ((request: Request, env: E) => Ports)): App<E> {
  const portsOf = typeof ports === 'function' ? ports : () => ports
  const authenticator = new Authenticator()
  const app = new Hono<{ Bindings: E & object }>({ getPath: canonicalPath })
  const refused = (c: Context) =>
    unrouted(c, (method) => app.router.match(method, canonicalPath(c.req.raw))[0].length > 0)
  for (const route of ROUTES) {
    app.on(route.method, route.path, (c) =>
      c.req.raw.method === 'HEAD' && !route.head
        ? refused(c)
        : serve(route, c, portsOf(c.req.raw, c.env), authenticator),
    )
  }
  app.notFound(refused)
  return { fetch: async (request, env) => app.fetch(request, env ?? {}) }
}

async function serve(route: Route, c: Context, ports: Ports, authenticator: Authenticator): Promise<Response> {
  const request = c.req.raw
  const requestId = `req-${crypto.randomUUID()}`
  const negotiated = negotiate(request.headers)
  const headers = responseHeaders(request, requestId)
  if (negotiated.version !== null || negotiated.ranged) Object.assign(headers, versionHeaders(negotiated.version))
  try {
    if (negotiated.version === null) throw negotiated.error
    const { version } = negotiated
    if ((route.since ?? 1) > version)
      throw new FaultError(route.tooOld ?? 'not_found', `This needs API version 1.${route.since}.`)
    const principal = route.open ? NOBODY : await authenticator.identify(request, ports)
    if (!route.open) authorise(principal, route)
    const call = callOf(route, c, ports, requestId, version, principal)
    if (!route.conditional && route.method !== 'GET' && request.headers.has('if-match'))
      throw new FaultError('request.invalid', 'If-Match is not served here.')
    const answer = await once(route, call, async (each) => waited(route, each, await route.run(each)))
    return answer instanceof Response ? answer : respond(answer, headers)
  } catch (error) {
    const fault = toFault(error)
    if (fault.code !== 'internal') return respond(faultAnswer(fault, requestId), headers)
    ports.log('error', 'api.failed', {
      request: requestId,
      route: `${route.method} ${route.path}`,
      error: String(error),
      stack: (error as Error).stack,
    })
    return respond(
      faultAnswer({ ...fault, message: 'The server failed; the request id names the line in its log.' }, requestId),
      headers,
    )
  }
}

function callOf(
  route: Route,
  c: Context,
  ports: Ports,
  requestId: string,
  version: number,
  principal: Principal,
): Call {
  const request = c.req.raw
  const { url } = request
  const query = url.indexOf('?')
  return {
    request,
    ports,
    params: c.req.param() as Record<string, string>,
    extension: route.path.endsWith('/:ident') && endsWithExtension(request) ? '.json' : '',
    search: query === -1 ? '' : url.slice(query + 1),
    base: url.slice(0, url.indexOf('/', 8)),
    requestId,
    version,
    principal,
    get sql(): Sql {
      return ports.store.organisation(principal.organisation)
    },
  }
}

function responseHeaders(request: Request, requestId: string): Record<string, string> {
  const headers: Record<string, string> = { 'Openstack-Request-Id': requestId, 'X-Openstack-Request-Id': requestId }
  const own = request.headers.get('x-request-id')
  if (own !== null && /^[\w.:-]{1,128}$/.test(own)) headers['X-Request-Id'] = own
  return headers
}

function respond(answer: Answer, headers: Record<string, string>): Response {
  if (answer.headers) Object.assign(headers, answer.headers)
  if (answer.body === undefined) return new Response(null, { status: answer.status, headers })
  headers['Content-Type'] = 'application/json'
  return new Response(answer.body, { status: answer.status, headers })
}

/** No route took it: 405 with Allow where another method would be taken, 200 to OPTIONS, else 404; 406 where the version is none. */
function unrouted(c: Context, taken: (method: Method) => boolean): Response {
  const request = c.req.raw
  const requestId = `req-${crypto.randomUUID()}`
  const headers = responseHeaders(request, requestId)
  const negotiated = negotiate(request.headers)
  const refuse = (fault: FaultError) => respond(faultAnswer(toFault(fault), requestId), headers)
  const allowed = METHODS.filter(taken).join(', ')
  if (allowed !== '' && request.method === 'OPTIONS') {
    headers['Allow'] = allowed
    return respond({ status: 200 }, headers)
  }
  if (negotiated.version === null) {
    Object.assign(headers, negotiated.ranged && versionHeaders(null))
    return refuse(negotiated.error)
  }
  if (allowed === '') return refuse(new FaultError('not_found', 'There is nothing at this path.'))
  headers['Allow'] = allowed
  return refuse(new FaultError('method.not_allowed', `Possible here: ${allowed}.`))
}
