import net from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { MIB, noise, serveBytes, serveHttp, sha256 } from '../testing.ts'
import type { BodyReceiver } from './http-answer.ts'
import { httpGet, plainGet } from './http-answer.ts'

const options = () => ({ signal: new AbortController().signal, timeoutMs: 2000 })

/** Collects a body, either through its own memory or through take(); every so often it wants the sender to wait. */
function collector(ownMemory: boolean) {
  const parts: Buffer[] = []
  let memory = Buffer.alloc(0)
  let calls = 0
  const rest = () => (++calls % 5 === 0 ? new Promise<void>((resolve) => setTimeout(resolve, 2)) : undefined)
  const receiver: BodyReceiver = {
    space: () => (ownMemory ? (memory = Buffer.alloc(200_000)) : undefined),
    filled(bytes) {
      parts.push(memory.subarray(0, bytes))
      return rest()
    },
    take(bytes) {
      parts.push(Buffer.from(bytes))
      return rest()
    },
  }
  return { receiver, all: () => Buffer.concat(parts) }
}

/** A server that says exactly these bytes, in pieces. */
async function serveText(pieces: (string | Buffer)[], end = true) {
  const sockets = new Set<Socket>()
  const server = net.createServer(async (socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    for (const piece of pieces) {
      socket.write(piece)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    if (end) socket.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/x`),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

describe('a plain HTTP answer', () => {
  it.each([true, false])('is read whole and in order (into memory of the receiver: %s)', async (ownMemory) => {
    const bytes = noise(3 * MIB + 11)
    await using server = await serveHttp(serveBytes(bytes))
    const answer = await plainGet(new URL(server.url), {}, options())
    expect([answer.status, answer.headers['etag']]).toEqual([200, '"one"'])
    const { receiver, all } = collector(ownMemory)
    await answer.body(receiver)
    expect(sha256(all())).toBe(sha256(bytes))
  })

  it('is understood byte by byte', async () => {
    await using server = await serveText([...'HTTP/1.1 200 OK\r\nContent-Length:  5 \r\nX: y\r\n\r\nhello'])
    const answer = await plainGet(server.url, {}, options())
    const { receiver, all } = collector(true)
    await answer.body(receiver)
    expect(all().toString()).toBe('hello')
  })

  it('ends at its length, whatever follows', async () => {
    await using server = await serveText(['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello and more'], false)
    await using late = await serveText(['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nh', 'el', 'lo and more'], false)
    for (const { url } of [server, late]) {
      const { receiver, all } = collector(true)
      const answer = await plainGet(url, {}, options())
      await new Promise((resolve) => setTimeout(resolve, 30)) // the rest is there when it is asked for
      await answer.body(receiver)
      expect(all().toString()).toBe('hello')
    }
  })

  it('that is empty is empty', async () => {
    await using server = await serveText(['HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'])
    const { receiver, all } = collector(true)
    await (await plainGet(server.url, {}, options())).body(receiver)
    expect(all().length).toBe(0)
  })

  it('that breaks off is an error', async () => {
    await using server = await serveText(['HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello'])
    const answer = await plainGet(server.url, {}, options())
    await expect(answer.body(collector(true).receiver)).rejects.toThrow('broke')
  })

  const nonsense: [string, string][] = [
    ['another protocol', 'SSH-2.0-x\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n'],
    ['a header without a name', 'HTTP/1.1 200 OK\r\n: x\r\n\r\n'],
    ['an endless head', `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(70_000)}`],
  ]
  it.each(nonsense)('with %s is an error', async (_name, text) => {
    await using server = await serveText([text])
    await expect(plainGet(server.url, {}, options())).rejects.toThrow('not HTTP')
  })

  it('a head that does not come is an error, and so is an abort', async () => {
    await using server = await serveText(['HTTP/1.1 200 OK\r\n'], false)
    await expect(plainGet(server.url, {}, { ...options(), timeoutMs: 30 })).rejects.toThrow('no answer')
    const controller = new AbortController()
    const waiting = plainGet(server.url, {}, { signal: controller.signal, timeoutMs: 5000 })
    controller.abort()
    await expect(waiting).rejects.toThrow('aborted')
  })

  it('in chunks goes the other way', async () => {
    await using server = await serveHttp((_request, response) => {
      response.write('hel')
      response.end('lo')
    })
    const answer = await httpGet(new URL(server.url), {}, options())
    const { receiver, all } = collector(true)
    await answer.body(receiver)
    expect(all().toString()).toBe('hello')
  })

  it('headers cannot be smuggled in', async () => {
    await using server = await serveText([])
    await expect(plainGet(server.url, { a: 'b\r\nc: d' }, options())).rejects.toThrow('line break')
  })
})
