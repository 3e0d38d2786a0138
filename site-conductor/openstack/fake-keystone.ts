// A Keystone v3 for tests, and services that believe its tokens, on loopback.
import { createServer, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'

export interface FakeRequest {
  readonly method: string
  /** With its query. */
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: unknown
}
export interface FakeAnswer {
  readonly status?: number
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}
/** Undefined: no answer ever comes, and the connection stays. */
export type FakeService = (request: FakeRequest) => FakeAnswer | undefined | Promise<FakeAnswer | undefined>

export interface FakeKeystone {
  /** Without /v3. */
  readonly authUrl: string
  /** Bodies of the logins, in their order. */
  readonly logins: unknown[]
  /** What the services were asked. */
  readonly asked: FakeRequest[]
  /** Milliseconds that a token lasts from now on; an hour at first. */
  tokenMs: number
  /** Of the next login, once. */
  refuseWith: FakeAnswer | undefined
  /** No token counts any more. */
  revoke(): void
  urlOf(type: string): string
  close(): Promise<void>
}

/** `services`: by their types, each at a path of its own; they see only what comes with a token that counts, unless `open`. */
export async function fakeKeystone(
  services: Readonly<Record<string, FakeService>>,
  { now = Date.now, open = false }: { now?: () => number; open?: boolean } = {},
): Promise<FakeKeystone> {
  const tokens = new Map<string, number>()
  let made = 0
  const server = createServer((request, response) => {
    const respond = ({ status = 200, body, headers }: FakeAnswer) =>
      response
        .writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(body === undefined ? undefined : JSON.stringify(body))
    void (async () => {
      const given = await text(request)
      const body: unknown = given === '' ? undefined : JSON.parse(given)
      const path = request.url ?? '/'
      if (path === '/v3/auth/tokens') return respond(logIn(body))
      const [, type = ''] = path.split('/')
      const token = String(request.headers['x-auth-token'])
      const asked = { method: request.method ?? '', path: path.slice(type.length + 1), headers: request.headers, body }
      fake.asked.push(asked)
      if (!open && !((tokens.get(token) ?? 0) > now()))
        return respond({
          status: 401,
          body: { error: { message: 'The request you have made requires authentication.' } },
        })
      const answer = await services[type]?.(asked)
      if (answer !== undefined) respond(answer)
      else if (services[type] === undefined) respond({ status: 404 })
    })()
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  const authUrl = `http://127.0.0.1:${(server.address() as { port: number }).port}`
  const fake: FakeKeystone = {
    authUrl,
    logins: [],
    asked: [],
    tokenMs: 3_600_000,
    refuseWith: undefined,
    revoke: () => tokens.clear(),
    urlOf: (type) => `${authUrl}/${type}`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      }),
  }
  function logIn(body: unknown): FakeAnswer {
    fake.logins.push(body)
    const { refuseWith } = fake
    fake.refuseWith = undefined
    if (refuseWith) return refuseWith
    const token = `token-${++made}`
    const expires = now() + fake.tokenMs
    tokens.set(token, expires)
    const endpoints = (type: string) => [
      { interface: 'public', region: 'east', region_id: 'east', url: `${authUrl}/${type}` },
      { interface: 'internal', region: 'west', region_id: 'west', url: `${authUrl}/of-the-west` },
    ]
    const catalog = Object.keys(services).map((type) => ({ type, name: type, endpoints: endpoints(type) }))
    return {
      status: 201,
      headers: { 'x-subject-token': token },
      body: { token: { expires_at: new Date(expires).toISOString(), project: { id: 'p1' }, catalog } },
    }
  }
  return fake
}
