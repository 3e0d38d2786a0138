// The page for browsers: what is served, whose WebSocket is taken, and that every module of the viewer is there.
import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { silent } from '../log.ts'
import { startWeb, type Web } from './web.ts'

let web: Web
const entered: string[] = []
beforeEach(async () => {
  web = await startWeb({
    address: '127.0.0.1',
    port: 0,
    log: silent,
    take: (node, token) => node === 'n' && token === 'right',
    enter(node, _, stream) {
      entered.push(node)
      stream.end('hello')
    },
  })
})
afterEach(() => web.close())

test('the page imports modules, and all that they import is served', async () => {
  const page = await fetch(`${web.url}/vnc_auto.html?path=x`)
  expect(await page.text()).toContain('viewer.js')
  expect(page.headers.get('referrer-policy')).toBe('no-referrer')
  expect(page.headers.get('content-security-policy')).toContain("default-src 'self'")
  const seen = new Set([`${web.url}/viewer.js`])
  for (const url of seen) {
    const answer = await fetch(url)
    expect([url, answer.status, answer.headers.get('content-type')]).toEqual([
      url,
      200,
      'text/javascript; charset=utf-8',
    ])
    for (const [, from] of (await answer.text()).matchAll(/^(?:import|export)[^;'"]*?['"](\.[^'"]+)['"]/gm))
      seen.add(new URL(from!, url).href)
  }
  expect(seen.size).toBeGreaterThan(30)
})

test.each([
  ['/', 404],
  ['/novnc/core/../../../ws/package.json', 404],
  ['/novnc/core/%2e%2e/package.json', 404],
  ['/novnc/package.json', 404],
  ['/novnc/core/nothing.js', 404],
  ['/websockify?node=n&token=right', 404],
])('%s is not there', async (path, status) => {
  expect((await fetch(web.url + path)).status).toBe(status)
})

test.each(['GET // HTTP/1.1', 'GET http://[ HTTP/1.1', 'GET // HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket'])(
  'an address that is none is refused: %s',
  async (line) => {
    const { port } = new URL(web.url)
    const socket = connect(Number(port), '127.0.0.1')
    socket.end(`${line}\r\nhost: x\r\n\r\n`)
    const [data] = (await once(socket, 'data')) as [Buffer]
    expect(data.toString()).toMatch(/^HTTP\/1.1 40[04] /)
    socket.destroy()
  },
)

test('nothing is changed there', async () => {
  expect((await fetch(`${web.url}/vnc_auto.html`, { method: 'POST' })).status).toBe(405)
})

test.each([
  ['a wrong token', '/websockify?node=n&token=wrong', 403],
  ['no token', '/websockify', 403],
  ['another path', '/elsewhere?node=n&token=right', 404],
])('a WebSocket with %s is refused', async (_, path, status) => {
  const socket = new WebSocket(web.url.replace('http', 'ws') + path)
  const [error] = (await once(socket, 'error')) as [Error]
  expect(error.message).toContain(String(status))
  expect(entered).toEqual([])
})

test.each([[['binary']], [[]]])('one with a token is taken, with the protocols %s', async (protocols) => {
  const socket = new WebSocket(`${web.url.replace('http', 'ws')}/websockify?node=n&token=right`, protocols)
  const [data] = (await once(socket, 'message')) as [Buffer]
  expect([data.toString(), socket.protocol, entered.splice(0)]).toEqual(['hello', protocols[0] ?? '', ['n']])
  socket.terminate()
})

test.each(['/websockify?node=n&token=wrong', '/elsewhere'])('who is refused at %s is not kept', async (path) => {
  const socket = connect({ port: Number(new URL(web.url).port), host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  socket.resume()
  socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`)
  // It keeps its half open, and goes on typing.
  await once(socket, 'end')
  const typing = setInterval(() => socket.write('x'), 10)
  await closed.finally(() => clearInterval(typing))
})

test('strangers do not use up what the conductor may have open', async () => {
  const { port } = new URL(web.url)
  const sockets = Array.from({ length: 140 }, () => connect(Number(port), '127.0.0.1').on('error', () => {}))
  const closed = sockets.map((socket) => once(socket, 'close'))
  await Promise.race(closed)
  for (const socket of sockets) socket.destroy()
})

test('a port that is taken is said', async () => {
  const port = Number(new URL(web.url).port)
  const other = startWeb({ address: '127.0.0.1', port, log: silent, take: () => false, enter() {} })
  await expect(other).rejects.toMatchObject({
    fault: { code: 'conflict', hint: expect.stringContaining('vncPort') as string },
  })
})
