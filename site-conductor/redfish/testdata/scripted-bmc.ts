// A server that answers what a test says, be it nonsense, and keeps what it was asked.
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { parseEndpoint } from '../endpoint.ts'
import type { Bmc } from '../session.ts'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
}

export interface Said {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly json?: unknown
  /** Instead of `json`. */
  readonly raw?: string | Buffer
  /** The connection is closed instead, or nothing is said at all. */
  readonly instead?: 'close' | 'silence'
}

export interface ScriptedBmc extends AsyncDisposable {
  readonly bmc: Bmc
  readonly url: string
  readonly asked: Asked[]
  /** So far. */
  connections(): number
}

/** `say` gets each request and how many there were of this method and path before. */
export async function scriptedBmc(
  say: (asked: Asked, before: number) => Said,
  more: Partial<Bmc> = {},
): Promise<ScriptedBmc> {
  const asked: Asked[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((request, response) => {
    let text = ''
    request.on('data', (part: Buffer) => void (text += part.toString()))
    request.on('end', () => {
      const { method = '', url: path = '', headers } = request
      const one = { method, path, headers, body: text === '' ? undefined : (JSON.parse(text) as unknown) }
      const before = asked.filter((each) => each.method === method && each.path === path).length
      asked.push(one)
      const { status = 200, headers: shown = {}, json, raw, instead } = say(one, before)
      if (instead === 'close') return void request.socket.destroy()
      if (instead === 'silence') return
      response.writeHead(status, shown).end(raw ?? (json === undefined ? '' : JSON.stringify(json)))
    })
  })
  server.on('connection', (socket: Socket) => {
    connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const login = { username: 'admin', password: 'secret', auth: 'auto', verify: true } as const
  return {
    bmc: { endpoint: parseEndpoint(url), ...login, ...more },
    url,
    asked,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
