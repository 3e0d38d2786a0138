import dgram from 'node:dgram'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { decodeTftp, encodeTftp } from './packet.ts'
import { TftpServer } from './server.ts'
import { download } from './peer/client.ts'
import { spoilingProxy } from './peer/proxy.ts'
import type { TftpRefusal, TftpServerOptions } from './server.ts'
import type { TransferStats } from './transfer.ts'
import type { TftpContent } from './window.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close()
})

const pattern = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) & 0xff))
const content = (bytes: Buffer): TftpContent => ({
  sizeBytes: bytes.length,
  read: (offset, length) => bytes.subarray(offset, offset + length),
})

async function rig(options: Partial<TftpServerOptions> = {}) {
  const file = pattern(50_000)
  const ended: TransferStats[] = []
  const refused: TftpRefusal[] = []
  const server = new TftpServer({
    address: '127.0.0.1',
    port: 0,
    open: (name) => (name === 'loader' ? content(file) : null),
    onEnd: (stats) => ended.push(stats),
    onRefused: (refusal) => refused.push(refusal),
    ...options,
  })
  await server.start()
  open.push(server)
  const at = { address: '127.0.0.1', port: server.port }
  return { server, file, ended, refused, at }
}

/** A bare socket of a client, for packets no client would send. */
async function bare() {
  const socket = dgram.createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  open.push(socket)
  const next = async () => {
    const [bytes, from] = (await once(socket, 'message')) as [Buffer, dgram.RemoteInfo]
    return { packet: decodeTftp(bytes), port: from.port }
  }
  return { socket, next }
}

const readRequest = (file: string, options: Record<string, string> = {}): Buffer =>
  encodeTftp({ op: 'read', file, mode: 'octet', options: new Map(Object.entries(options)) })

describe('TFTP server', () => {
  it.each<Record<string, string>>([{}, { blksize: '1468' }, { blksize: '1432', tsize: '0' }, { windowsize: '16' }])(
    'serves a file with %j',
    async (wants) => {
      const { at, file, ended } = await rig()
      const result = await download(at, 'loader', wants)
      expect(result.error).toBeUndefined()
      expect(result.content.equals(file)).toBe(true)
      expect(Object.keys(wants).every((name) => result.acknowledged.has(name))).toBe(true)
      await expect.poll(() => ended).toMatchObject([{ outcome: 'complete', file: 'loader', sentBytes: 50_000 }])
    },
  )

  it('serves many clients at once, and files that are read asynchronously', async () => {
    const { at, server } = await rig({
      maximumTransfersPerClient: 50,
      open: async (name) => {
        const bytes = pattern(10_000 + Number(name))
        return { ...content(bytes), read: async (offset, length) => bytes.subarray(offset, offset + length) }
      },
    })
    const wants = { blksize: '1024', windowsize: '4' }
    const all = await Promise.all(Array.from({ length: 40 }, (_, name) => download(at, String(name), wants)))
    expect(all.map((result, name) => result.content.equals(pattern(10_000 + name)))).toEqual(all.map(() => true))
    await expect.poll(() => server.transfers).toBe(0)
  })

  it.each(['../etc/passwd', '/etc/passwd', 'a/../../etc/passwd', '..\\..\\boot.ini', '%2e%2e/x', 'loader\u00ff', ''])(
    'TFTP traversal: %j is only a name that the resolver does not know',
    async (name) => {
      const { at, refused } = await rig()
      expect((await download(at, name)).error).toBe('1 file not found')
      expect(refused).toMatchObject([{ why: 'not-found', file: name }])
    },
  )

  it('takes no writes and tells nothing about the host', async () => {
    const { at, refused } = await rig({
      open: () => {
        throw new Error('EACCES: /srv/secret/path')
      },
    })
    const { socket, next } = await bare()
    socket.send(encodeTftp({ op: 'write', file: 'x', mode: 'octet', options: new Map() }), at.port, at.address)
    expect((await next()).packet).toEqual({ op: 'error', code: 2, message: 'read-only server' })
    socket.send(readRequest('x'), at.port, at.address)
    expect((await next()).packet).toEqual({ op: 'error', code: 0, message: 'failed' })
    socket.send(encodeTftp({ op: 'read', file: 'x', mode: 'netascii', options: new Map() }), at.port, at.address)
    expect((await next()).packet).toMatchObject({ op: 'error', code: 0 })
    socket.send(Buffer.of(0, 1, 2), at.port, at.address)
    expect((await next()).packet).toMatchObject({ op: 'error', code: 4 })
    expect(refused.map(({ why }) => why)).toEqual(['write', 'failed', 'mode', 'malformed'])
  })

  it('starts one transfer for a request that is repeated', async () => {
    const { at, server } = await rig()
    const { socket, next } = await bare()
    for (let times = 0; times < 3; times++) socket.send(readRequest('loader'), at.port, at.address)
    const first = await next()
    expect(first.packet).toMatchObject({ op: 'data', block: 1 })
    expect(server.transfers).toBe(1)
  })

  it('bounds transfers per client and in all, and serves again when one has ended', async () => {
    const { at, server, refused } = await rig({ maximumTransfersPerClient: 2 })
    const clients = [await bare(), await bare()]
    for (const { socket } of clients) socket.send(readRequest('loader'), at.port, at.address)
    const [first] = await Promise.all(clients.map(({ next }) => next()))
    const third = await download(at, 'loader', {}, { timeoutMs: 20, mostTimeouts: 2 })
    expect(third.error).toBe('timed out')
    expect(new Set(refused.map(({ why }) => why))).toEqual(new Set(['busy']))
    clients[0]?.socket.send(encodeTftp({ op: 'error', code: 0, message: 'enough' }), first?.port ?? 0, at.address)
    const fourth = await download(at, 'loader', {}, { timeoutMs: 100 })
    expect(fourth.error).toBeUndefined()
    await expect.poll(() => server.transfers).toBe(1)
  })

  it('hears nobody but the client on a transfer’s port', async () => {
    const { at, ended } = await rig()
    const [client, stranger] = [await bare(), await bare()]
    client.socket.send(readRequest('loader'), at.port, at.address)
    const { port } = await client.next()
    stranger.socket.on('error', () => {})
    stranger.socket.send(encodeTftp({ op: 'error', code: 0, message: 'stop' }), port, at.address)
    client.socket.send(encodeTftp({ op: 'ack', block: 1 }), port, at.address)
    expect((await client.next()).packet).toMatchObject({ op: 'data', block: 2 })
    expect(ended).toEqual([])
  })

  it('closes with transfers in progress: the clients are told, nothing stays open', async () => {
    const { server, at, ended } = await rig()
    const { socket, next } = await bare()
    socket.send(readRequest('loader'), at.port, at.address)
    await next()
    await server.close()
    expect((await next()).packet).toEqual({ op: 'error', code: 0, message: 'server stops' })
    expect(ended).toMatchObject([{ outcome: 'failed' }])
  })

  it.each([
    { name: 'loses', loss: 0.05 },
    { name: 'doubles', double: 0.3 },
    { name: 'reorders', reorder: 0.1 },
  ])('gets a file through a network that $name', async (spoiling) => {
    const { at, file } = await rig()
    const proxy = await spoilingProxy(at, { seed: 5, ...spoiling })
    open.push(proxy)
    const wants = { blksize: '1024', windowsize: '8' }
    const result = await download({ ...at, port: proxy.port }, 'loader', wants, { timeoutMs: 60, mostTimeouts: 50 })
    expect(result.error).toBeUndefined()
    expect(result.content.equals(file)).toBe(true)
    expect(proxy.counts.lost + proxy.counts.doubled + proxy.counts.reordered).toBeGreaterThan(0)
  })

  it('sends each block once when the network doubles every ACK (Sorcerer’s Apprentice)', async () => {
    const { at, file } = await rig()
    const proxy = await spoilingProxy(at, { doubleFromClient: true })
    open.push(proxy)
    const result = await download({ ...at, port: proxy.port }, 'loader', {})
    expect(result.content.equals(file)).toBe(true)
    expect(result.dataPackets).toBe(Math.floor(file.length / 512) + 1)
  })
})
