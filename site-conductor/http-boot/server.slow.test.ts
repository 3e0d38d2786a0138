import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import net from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { HttpBootServer } from './server.ts'
import type { IncomingHttpHeaders } from 'node:http'
import type { HttpBootOptions, HttpTransfer } from './server.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function rig(options: Partial<HttpBootOptions> = {}) {
  const progress: HttpTransfer[] = []
  const heads: string[] = []
  const server = new HttpBootServer({
    address: '127.0.0.1',
    port: 0,
    onProgress: (transfer) => progress.push(transfer),
    onHead: (path) => heads.push(path),
    ...options,
  })
  await server.start()
  cleanups.push(() => server.close())
  const folder = mkdtempSync(join(tmpdir(), 'ferrule-http-'))
  cleanups.push(() => rmSync(folder, { recursive: true }))
  const image = Buffer.from(Array.from({ length: 1_000_000 }, (_, at) => (at * 13 + (at >> 8)) & 0xff))
  const path = join(folder, 'image')
  writeFileSync(path, image)
  server.publish('/t0ken/image', { kind: 'file', path, contentType: 'application/octet-stream' })
  server.publish('/t0ken/boot.ipxe', { kind: 'bytes', bytes: Buffer.from('#!ipxe\n'), contentType: 'text/plain' })
  return { server, progress, heads, folder, path, image }
}

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

function ask(server: HttpBootServer, path: string, options: object = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port: server.port, path, ...options }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) })
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}

describe('HTTP boot server', () => {
  it('serves bytes and files whole, with size and tag', async () => {
    const { server, image } = await rig()
    const script = await ask(server, '/t0ken/boot.ipxe')
    expect([script.status, script.body.toString(), script.headers['content-length']]).toEqual([200, '#!ipxe\n', '7'])
    const whole = await ask(server, '/t0ken/image')
    expect([whole.status, whole.headers['content-length'], whole.headers['accept-ranges']]).toEqual([
      200,
      '1000000',
      'bytes',
    ])
    expect(whole.body.equals(image)).toBe(true)
    expect(whole.headers.etag).toMatch(/^"[^"]+"$/)
  })

  it('serves a file with some of its bytes replaced, in whatever pieces it is read, under a tag of its own', async () => {
    const { server, path, image } = await rig()
    const bytes = Buffer.from('of this boot alone')
    const patch = { atByte: 700_001, bytes }
    server.publish('/t0ken/boot.iso', { kind: 'file', path, contentType: 'application/octet-stream', patch })
    const wanted = Buffer.from(image)
    wanted.set(bytes, patch.atByte)
    const whole = await ask(server, '/t0ken/boot.iso')
    expect(whole.body.equals(wanted)).toBe(true)
    const pieces: Buffer[] = []
    const cuts = [0, 700_000, 700_003, 700_010, 700_040, image.length]
    for (const [index, from] of cuts.slice(0, -1).entries()) {
      const headers = { Range: `bytes=${from}-${cuts[index + 1]! - 1}` }
      pieces.push((await ask(server, '/t0ken/boot.iso', { headers })).body)
    }
    expect(Buffer.concat(pieces).equals(wanted)).toBe(true)
    const other = { atByte: patch.atByte, bytes: Buffer.from('of another boot!!!') }
    server.publish('/0ther/boot.iso', { kind: 'file', path, contentType: 'application/octet-stream', patch: other })
    const tags = [whole, await ask(server, '/t0ken/image'), await ask(server, '/0ther/boot.iso')].map(
      ({ headers }) => headers.etag,
    )
    expect(new Set(tags).size).toBe(3)
  })

  it('answers HEAD like GET without the body, as UEFI HTTP boot asks first', async () => {
    const { server, heads, progress } = await rig()
    const head = await ask(server, '/t0ken/image', { method: 'HEAD', headers: { 'User-Agent': 'UefiHttpBoot/1.0' } })
    expect([head.status, head.headers['content-length'], head.body.length]).toEqual([200, '1000000', 0])
    expect([heads, progress]).toEqual([['/t0ken/image'], []])
  })

  it('serves one range', async () => {
    const { server, image } = await rig()
    const part = await ask(server, '/t0ken/image', { headers: { Range: 'bytes=300000-799999' } })
    expect([part.status, part.headers['content-range']]).toEqual([206, 'bytes 300000-799999/1000000'])
    expect(part.body.equals(image.subarray(300_000, 800_000))).toBe(true)
    const beyond = await ask(server, '/t0ken/image', { headers: { Range: 'bytes=1000000-' } })
    expect([beyond.status, beyond.headers['content-range']]).toEqual([416, 'bytes */1000000'])
  })

  it('goes on with a broken-off download only if the file is still the same', async () => {
    const { server, path } = await rig()
    const { etag } = (await ask(server, '/t0ken/image', { method: 'HEAD' })).headers
    const resume = { Range: 'bytes=10-', 'If-Range': etag }
    expect((await ask(server, '/t0ken/image', { headers: resume })).status).toBe(206)
    expect((await ask(server, '/t0ken/image', { headers: { 'If-None-Match': etag } })).status).toBe(304)
    writeFileSync(path, 'another image')
    const changed = await ask(server, '/t0ken/image', { headers: resume })
    expect([changed.status, changed.body.toString()]).toEqual([200, 'another image'])
  })

  it('keeps connections for the next request', async () => {
    const { server } = await rig()
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    cleanups.push(() => agent.destroy())
    const ports = new Set<number | undefined>()
    agent.on('free', (socket: net.Socket) => ports.add(socket.localPort))
    for (let times = 0; times < 3; times++) await ask(server, '/t0ken/image', { agent })
    await new Promise((resolve) => setImmediate(resolve))
    expect(ports.size).toBe(1)
  })

  it.each([
    '/',
    '/t0ken',
    '/t0ken/',
    '/t0ken/image/',
    '/t0ken/../t0ken/image',
    '/t0ken/%69mage',
    '/t0ken//image',
    '/T0KEN/image',
    '/t0ken/image?x=1',
    '/etc/passwd',
    '/../../etc/passwd',
    '/%2e%2e/%2e%2e/etc/passwd',
    'http://127.0.0.1/t0ken/image',
    '/52:54:00:77:00:01',
  ])('unauthenticated file download: %s is not found, and is not repeated', async (path) => {
    const { server, progress } = await rig()
    const answer = await ask(server, path)
    expect([answer.status, answer.body.toString(), progress]).toEqual([404, 'not found\n', []])
  })

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS'])('%s is refused', async (method) => {
    const { server } = await rig()
    const answer = await ask(server, '/t0ken/image', { method })
    expect([answer.status, answer.headers.allow]).toEqual([405, 'GET, HEAD'])
  })

  it('forgets everything under a withdrawn prefix, and nothing beside it', async () => {
    const { server } = await rig()
    server.publish('/t0ken2/x', { kind: 'bytes', bytes: Buffer.from('x'), contentType: 'text/plain' })
    server.withdraw('/t0ken')
    const statuses = ['/t0ken/image', '/t0ken/boot.ipxe', '/t0ken2/x'].map((path) => ask(server, path))
    expect((await Promise.all(statuses)).map(({ status }) => status)).toEqual([404, 404, 200])
  })

  it.each(['image', '/', '/a/', '//a', '/a b', '/a?b', '/ä', '/a#b'])('does not publish at %j', async (path) => {
    const { server } = await rig()
    expect(() => server.publish(path, { kind: 'bytes', bytes: Buffer.alloc(0), contentType: 'x' })).toThrow('path')
  })

  it('says 503 for a file that is gone, a folder or a FIFO, and does not hang', async () => {
    const { server, folder, progress } = await rig()
    execFileSync('mkfifo', [join(folder, 'fifo')])
    for (const path of ['absent', '.', 'fifo']) {
      server.publish('/t0ken/odd', { kind: 'file', path: join(folder, path), contentType: 'x' })
      const answer = await ask(server, '/t0ken/odd')
      expect([answer.status, answer.body.toString()]).toEqual([503, 'not available\n'])
    }
    expect(progress.map(({ outcome }) => outcome)).toEqual(['failed', 'failed', 'failed'])
  })

  it('cuts the connection when the file becomes shorter, so that nobody takes it for complete', async () => {
    const { server, path, progress } = await rig()
    truncateSync(path, 200_000_000)
    const socket = net.connect(server.port, '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    socket.write('GET /t0ken/image HTTP/1.1\r\nHost: x\r\n\r\n')
    let received = 0
    socket.once('data', () => truncateSync(path, 10))
    socket.on('data', (bytes: Buffer) => (received += bytes.length))
    await once(socket, 'close')
    expect(received).toBeLessThan(200_000_000)
    expect(progress.at(-1)).toMatchObject({ outcome: 'failed', detail: 'the file became shorter while it was sent' })
  })

  it('reports progress up to the end of each answer', async () => {
    const { server, progress } = await rig()
    await ask(server, '/t0ken/image')
    await ask(server, '/t0ken/boot.ipxe')
    const image = progress.filter(({ path }) => path === '/t0ken/image')
    expect(image[0]).toMatchObject({ sentBytes: 0, totalBytes: 1_000_000, client: '127.0.0.1' })
    expect(image.at(-1)).toMatchObject({ sentBytes: 1_000_000, outcome: 'complete' })
    expect(image.map(({ sentBytes }) => sentBytes)).toEqual(
      image.map(({ sentBytes }) => sentBytes).sort((a, b) => a - b),
    )
    expect(progress.filter(({ outcome }) => outcome !== undefined)).toHaveLength(2)
  })

  it('reads a file no faster than the client takes it, and notices when the client goes', async () => {
    const { server, progress, path } = await rig()
    truncateSync(path, 200_000_000)
    const socket = net.connect(server.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.pause()
    socket.write('GET /t0ken/image HTTP/1.1\r\nHost: x\r\n\r\n')
    // Until nothing moves any more: the buffers of the operating system are full.
    for (let still = 0, last = -1; still < 5;) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      const sent = progress.at(-1)?.sentBytes ?? 0
      still = sent === last ? still + 1 : 0
      last = sent
    }
    expect(progress.at(-1)?.sentBytes).toBeLessThan(50_000_000)
    socket.destroy()
    await expect.poll(() => progress.at(-1)?.outcome).toBe('aborted')
  })

  it('gives what is to be had once to one client, and to the next only where that one did not get it all', async () => {
    const { server } = await rig({ idleTimeoutMs: 1000 })
    const bytes = Buffer.alloc(50_000_000, 'a')
    server.publish('/t0ken/ks.cfg', { kind: 'bytes', bytes, contentType: 'text/plain', once: true })
    const socket = net.connect(server.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.on('error', () => {})
    socket.write('GET /t0ken/ks.cfg HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'data')
    expect((await ask(server, '/t0ken/ks.cfg')).status, 'somebody is fetching it').toBe(404)
    socket.destroy()
    await expect.poll(async () => (await ask(server, '/t0ken/ks.cfg', { method: 'HEAD' })).status).toBe(200)
    const two = await Promise.all([ask(server, '/t0ken/ks.cfg'), ask(server, '/t0ken/ks.cfg')])
    expect(two.map(({ status }) => status).toSorted()).toEqual([200, 404])
    expect((await ask(server, '/t0ken/ks.cfg', { method: 'HEAD' })).status).toBe(404)
    server.publish('/t0ken/ks.cfg', { kind: 'bytes', bytes, contentType: 'text/plain', once: true })
    expect((await ask(server, '/t0ken/ks.cfg')).status, 'of the next boot').toBe(200)
  })

  it('drops a client that takes nothing', async () => {
    const { server, progress, path } = await rig({ idleTimeoutMs: 100 })
    truncateSync(path, 200_000_000)
    const socket = net.connect(server.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.on('error', () => {})
    socket.pause()
    socket.write('GET /t0ken/image HTTP/1.1\r\nHost: x\r\n\r\n')
    await expect.poll(() => progress.at(-1)?.outcome, { timeout: 5000 }).toBe('aborted')
    socket.destroy()
  })

  it('closes with downloads in progress', async () => {
    const { server, path } = await rig()
    truncateSync(path, 200_000_000)
    const socket = net.connect(server.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.on('error', () => {})
    socket.write('GET /t0ken/image HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'data')
    await server.close()
    await expect(ask(server, '/t0ken/image')).rejects.toThrow('ECONNREFUSED')
    socket.destroy()
  })

  it('survives rubbish and half requests', async () => {
    const { server } = await rig()
    for (const rubbish of [
      '\0\x16\x03\x01',
      'GET',
      'GET / HTTP/9.9\r\n\r\n',
      `GET /${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`,
    ]) {
      const socket = net.connect(server.port, '127.0.0.1')
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.resume()
      socket.end(rubbish)
      await once(socket, 'close')
    }
    expect((await ask(server, '/t0ken/boot.ipxe')).status).toBe(200)
  })
})
