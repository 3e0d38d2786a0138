// HTTP to servers that misbehave: each ends in an error with a name, in bounded time and memory, and no change is sent twice.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { parseEndpoint } from './endpoint.ts'
import { scriptedBmc } from './testdata/scripted-bmc.ts'
import { openWire, type Outgoing, type Verify, type Wire } from './wire.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

function wireTo(url: string, verify: Verify = true, timeoutMs = 5_000): Wire {
  const wire = openWire(parseEndpoint(url), verify, { timeoutMs })
  cleanups.push(() => wire.close())
  return wire
}

const get: Outgoing = { method: 'GET', path: '/x', headers: {} }
const post = (before = () => {}): Outgoing => ({ method: 'POST', path: '/x', headers: {}, body: '{}', before })

/** Sends `bytes` to whoever connects and has asked something. */
async function raw(...bytes: (string | Buffer)[]): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => {
      for (const part of bytes) socket.write(part)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test.each([
  ['what is not HTTP', ['SSH-2.0-OpenSSH_9.2\r\n'], 'unreachable', 'not HTTP'],
  [
    'headers without an end',
    ['HTTP/1.1 200 OK\r\n', `X: ${'a'.repeat(40_000)}\r\n`],
    'unreachable',
    'HPE_HEADER_OVERFLOW',
  ],
  [
    'two lengths',
    ['HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc'],
    'unreachable',
    'not HTTP',
  ],
])('%s is an error with a name', async (_, bytes, kind, words) => {
  await expect(wireTo(await raw(...bytes)).exchange(get)).rejects.toMatchObject({
    kind,
    message: expect.stringContaining(words),
  })
})

test('an answer without an end is given up when it is too long', async () => {
  const url = await raw('HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n', Buffer.alloc(9 << 20, 'x'))
  await expect(wireTo(url).exchange(get)).rejects.toMatchObject({
    kind: 'protocol',
    message: expect.stringContaining('8 MiB'),
  })
})

test.each([
  ['a question', get, 'unreachable'],
  ['a change', post(), 'unanswered'],
])('%s that is not answered ends in time, byte by byte or not at all', async (_, request, kind) => {
  await using silent = await scriptedBmc(() => ({ instead: 'silence' }))
  await expect(wireTo(silent.url, true, 60).exchange(request)).rejects.toMatchObject({ kind })
  const begun = await raw('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{')
  await expect(wireTo(begun, true, 60).exchange(request)).rejects.toMatchObject({ kind })
})

test.each([
  ['a question', get, 'unreachable'],
  ['a change', post(), 'unanswered'],
])('%s whose connection is closed was asked once', async (_, request, kind) => {
  await using bmc = await scriptedBmc(() => ({ instead: 'close' }))
  await expect(wireTo(bmc.url).exchange(request)).rejects.toMatchObject({ kind })
  expect(bmc.asked).toHaveLength(1)
})

test('the last-moment check is asked when the connection is there, and nothing leaves when it refuses', async () => {
  await using bmc = await scriptedBmc(() => ({ json: {} }))
  const wire = wireTo(bmc.url)
  const refuses = post(() => {
    throw new Error('not any more')
  })
  await expect(wire.exchange(refuses)).rejects.toThrow('not any more')
  await wire.exchange(post())
  await expect(wire.exchange(refuses), 'in a connection that is kept').rejects.toThrow('not any more')
  expect(bmc.asked).toHaveLength(1)
})

test('the last-moment check is not asked before there is a connection', async () => {
  let checks = 0
  const wire = wireTo('http://127.0.0.1:9')
  await expect(wire.exchange(post(() => void checks++))).rejects.toMatchObject({ kind: 'unreachable' })
  expect(checks).toBe(0)
})

test('a caller who gives up ends the request', async () => {
  const controller = new AbortController()
  await using bmc = await scriptedBmc(() => {
    controller.abort()
    return { instead: 'silence' }
  })
  const wire = wireTo(bmc.url)
  await expect(wire.exchange({ ...get, signal: controller.signal })).rejects.toMatchObject({ kind: 'aborted' })
  await expect(wire.exchange({ ...get, signal: controller.signal })).rejects.toMatchObject({ kind: 'aborted' })
  expect(bmc.asked).toHaveLength(1)
})

test('a connection is kept between requests', async () => {
  await using bmc = await scriptedBmc(() => ({ json: {} }))
  const wire = wireTo(bmc.url)
  for (let i = 0; i < 3; i++) expect((await wire.exchange(get)).status).toBe(200)
  expect(bmc.connections()).toBe(1)
})

test('more requests than connections are answered in their turn', async () => {
  await using bmc = await scriptedBmc(() => ({ json: {} }))
  const wire = wireTo(bmc.url, true, 1_000)
  const answers = await Promise.all(Array.from({ length: 6 }, () => wire.exchange(post())))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200])
  expect(bmc.connections()).toBe(2)
})
