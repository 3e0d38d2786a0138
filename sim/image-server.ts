// An HTTP server with images, as a site has one. A test may hold a download at a byte, to do something in the middle of a write.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Image } from './image.ts'

export interface PublishedImage {
  readonly url: string
  readonly sha256: string
  readonly bytes: number
}

/** A download that stands still. */
export interface Hold {
  /** Resolves when a download has come to the byte. */
  readonly reached: Promise<void>
  /** Lets it and all later ones go on. */
  release(): void
}

export interface ImageServer {
  readonly url: string
  publish(name: string, image: Image): PublishedImage
  /** An image of so many bytes, of which none ever comes: what counts is the length that is announced. */
  announce(name: string, bytes: number): PublishedImage
  /** Downloads of `name` stop after `bytes` until they are released. */
  hold(name: string, bytes: number): Hold
  /** Of `name` nothing comes after `bytes`, to nobody, however it is asked for. */
  stall(name: string, bytes: number): void
  /** GETs answered with content so far, by name. */
  downloads(name: string): number
  close(): Promise<void>
}

interface Held extends Hold {
  readonly bytes: number
  readonly released: Promise<void>
  tell(): void
}

export async function startImageServer(address = '127.0.0.1'): Promise<ImageServer> {
  const images = new Map<string, Image>()
  const lengths = new Map<string, number>()
  const holds = new Map<string, Held>()
  const stalls = new Map<string, number>()
  const counts = new Map<string, number>()
  const server = createServer((request, response) => void serve(request, response))
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    const name = (request.url ?? '').slice(1)
    const announced = lengths.get(name)
    if (announced !== undefined) return void response.writeHead(200, { 'content-length': announced }).flushHeaders()
    const image = images.get(name)
    if (image === undefined) return void response.writeHead(404).end('not found')
    counts.set(name, (counts.get(name) ?? 0) + 1)
    const { length } = image.bytes
    const from = Math.min(Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0), length)
    const range = from > 0 ? { 'content-range': `bytes ${from}-${length - 1}/${length}` } : {}
    const headers = { etag: `"${image.sha256}"`, 'accept-ranges': 'bytes', 'content-length': length - from, ...range }
    response.writeHead(from > 0 ? 206 : 200, headers)
    if (request.method === 'HEAD') return void response.end()
    const stall = stalls.get(name)
    if (stall !== undefined) return void response.write(image.bytes.subarray(from, Math.max(from, stall)))
    const held = holds.get(name)
    if (held !== undefined && held.bytes > from) {
      response.write(image.bytes.subarray(from, held.bytes))
      held.tell()
      await held.released
      response.end(image.bytes.subarray(held.bytes))
    } else response.end(image.bytes.subarray(from))
    return undefined
  }
  await new Promise<void>((listening, failed) => {
    server.once('error', failed)
    server.listen(0, address, listening)
  })
  const url = `http://${address}:${(server.address() as AddressInfo).port}`
  return {
    url,
    publish(name, image) {
      images.set(name, image)
      return { url: `${url}/${name}`, sha256: image.sha256, bytes: image.bytes.length }
    },
    announce(name, bytes) {
      lengths.set(name, bytes)
      return { url: `${url}/${name}`, sha256: '0'.repeat(64), bytes }
    },
    hold(name, bytes) {
      const reached = Promise.withResolvers<void>()
      const released = Promise.withResolvers<void>()
      const release = () => {
        holds.delete(name)
        released.resolve()
      }
      const held: Held = { bytes, reached: reached.promise, released: released.promise, release, tell: reached.resolve }
      holds.set(name, held)
      return held
    },
    stall: (name, bytes) => void stalls.set(name, bytes),
    downloads: (name) => counts.get(name) ?? 0,
    async close() {
      for (const held of [...holds.values()]) held.release()
      await new Promise<void>((closed) => {
        server.close(() => closed())
        server.closeAllConnections()
      })
    },
  }
}
