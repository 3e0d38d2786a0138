// Images on their way from a server to the cache, raw ones (no program is needed for those).
import { open, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { MIB, noise, serveBytes, serveHttp, sha256, temporaryFolder } from '../../agent/testing.ts'
import type { ImageInfo } from '../../shared/agent-protocol.ts'
import { systemEnv } from '../../shared/env.ts'
import { FetchNetworks } from './fetch-networks.ts'
import { ImageCache } from './image-cache.ts'
import { fetchImage, imageDigestOf } from './image-fetch.ts'

const bytes = noise(3 * MIB + 700)
let stop: AsyncDisposableStack
let folder: string
let url: string
let requests: number
let answer: (request: { url?: string | undefined }) => Buffer | number | string
let release: Promise<void> | undefined
/** The server does not say how long its answer is. */
let chunked: boolean

beforeEach(async () => {
  stop = new AsyncDisposableStack()
  folder = join(stop.use(await temporaryFolder()).path, 'images')
  requests = 0
  release = undefined
  chunked = false
  answer = () => bytes
  const server = await serveHttp((request, response) => {
    requests++
    const said = answer(request)
    if (typeof said === 'number') response.writeHead(said).end()
    else if (typeof said === 'string') response.writeHead(302, { location: said }).end()
    else if (chunked) void Readable.from([said]).pipe(response)
    else void Promise.resolve(release).then(() => serveBytes(said)(request, response))
  })
  stop.use(server)
  url = server.url
})
afterEach(() => stop.disposeAsync())

const imageOf = (content: Buffer, more: Partial<ImageInfo> = {}): ImageInfo => ({
  id: 'i',
  urls: [`${url}/image`],
  disk_format: 'raw',
  os_hash_algo: 'sha256',
  os_hash_value: sha256(content),
  ...more,
})
// Pauses between tries are not waited for; the time in which a server must say something is.
const env = { ...systemEnv, setTimer: (ms: number, run: () => void) => systemEnv.setTimer(ms > 10_000 ? ms : 1, run) }
const use = { env, signal: new AbortController().signal, onProgress: () => {} }
const networks = new FetchNetworks(['127.0.0.0/8'])
const cache = (maxBytes = 100 * MIB) => new ImageCache({ folder, maxBytes, networks })
const pathOf = (images: ImageCache, image: ImageInfo) => images.use(image, use, async ({ path }) => path)

test('a checksum may be the URL of a file that has the digest', async () => {
  const sums = Buffer.from(`${'0'.repeat(64)}  other\n${sha256(bytes)}  image\n`)
  answer = ({ url: path }) => (path === '/SHA256SUMS' ? sums : bytes)
  const images = cache()
  const path = await pathOf(images, imageOf(bytes, { os_hash_value: `${url}/SHA256SUMS` }))
  expect(await readFile(path)).toEqual(bytes)
  expect(await pathOf(images, imageOf(bytes)), 'the same image').toBe(path)
  expect(requests).toBe(2)
  const refused = (more: Partial<ImageInfo>) => pathOf(images, imageOf(bytes, more)).catch((error: unknown) => error)
  expect(await refused({ urls: [`${url}/new`], os_hash_value: `${url}/SHA256SUMS` })).toMatchObject({ fault: { code: 'image.digest' } }) // prettier-ignore
  expect(await refused({ os_hash_value: 'http://198.51.100.1/SHA256SUMS' })).toMatchObject({ fault: { code: expect.stringMatching(/./) } }) // prettier-ignore
  answer = () => Buffer.alloc(2 * MIB, 'a')
  expect(await refused({ os_hash_value: `${url}/SHA256SUMS` })).toMatchObject({ fault: { code: 'image.digest' } })
})

test('an image is fetched once, also by several at once and after a restart', async () => {
  const images = cache()
  const gate = Promise.withResolvers<void>()
  release = gate.promise
  const both = [pathOf(images, imageOf(bytes)), pathOf(images, imageOf(bytes))]
  gate.resolve()
  const [path] = await Promise.all(both)
  expect((await readFile(path!)).equals(bytes)).toBe(true)
  const again = await cache().use(imageOf(bytes), use, async (content) => content)
  expect(again).toEqual({ path, bytes: bytes.length, digest: { algorithm: 'sha256', hex: sha256(bytes) } })
  expect(requests).toBe(1)
})

test.each([
  ['another digest', () => imageOf(noise(10)), () => bytes, 'image.digest', 1],
  [
    'a digest that protects nothing',
    () => imageOf(bytes, { os_hash_algo: 'md5', os_hash_value: 'a'.repeat(32) }),
    () => bytes,
    'image.digest',
    0,
  ],
  ['nothing there', () => imageOf(bytes), () => 404, 'image.not_found', 1],
  ['a server that fails', () => imageOf(bytes), () => 503, 'image.unreachable', 3],
  ['redirects without end', () => imageOf(bytes), () => '/again', 'image.unreachable', 18],
  ['a redirect to a file', () => imageOf(bytes), () => 'file:///etc/passwd', 'image.not_found', 1],
])('%s is a fault, and nothing of it stays', async (_, image, answers, code, count) => {
  answer = answers
  await expect(pathOf(cache(), image())).rejects.toMatchObject({ fault: { code } })
  expect(requests).toBe(count)
  expect(await readdir(folder).catch(() => [])).toEqual([])
})

test('a qcow2 that is declared raw is refused: its bytes say what it is', async () => {
  const liar = Buffer.concat([Buffer.from('QFI\xfb', 'latin1'), noise(MIB)])
  answer = () => liar
  await expect(pathOf(cache(), imageOf(liar))).rejects.toMatchObject({ fault: { code: 'image.format' } })
})

test('a qcow2 with a backing file is refused before a program opens it', async () => {
  const header = Buffer.alloc(64 * 1024)
  header.set(Buffer.from('QFI\xfb\0\0\0\x03', 'latin1'))
  header.writeBigUInt64BE(512n, 8)
  header.writeUInt32BE(11, 16)
  header.write('/etc/passwd', 512)
  answer = () => header
  await expect(pathOf(cache(), imageOf(header, { disk_format: 'qcow2' }))).rejects.toMatchObject({
    fault: { code: 'image.format', message: expect.stringContaining('backing file') },
  })
  expect(await readdir(folder)).toEqual([])
})

test('a fetch that is aborted leaves nothing, and the next one who wants the image fetches it', async () => {
  const images = cache()
  release = new Promise(() => {})
  const controller = new AbortController()
  const first = images.use(imageOf(bytes), { ...use, signal: controller.signal }, async () => 'first')
  const second = pathOf(images, imageOf(bytes))
  await new Promise((resolve) => setTimeout(resolve, 20))
  release = undefined
  controller.abort(new Error('cancelled'))
  await expect(first).rejects.toThrow()
  expect((await readFile(await second)).length).toBe(bytes.length)
})

test('what was used longest ago makes room; what is in use stays; what never fits is refused', async () => {
  const [a, b, c] = [noise(MIB, 7), noise(MIB, 8), noise(MIB, 9)]
  const images = cache(2.5 * MIB)
  answer = () => a
  await images.use(imageOf(a), use, async (pinned) => {
    answer = () => b
    await pathOf(images, imageOf(b))
    answer = () => c
    await pathOf(images, imageOf(c))
    expect((await readFile(pinned.path)).equals(a)).toBe(true)
  })
  const raw = (await readdir(folder)).filter((name) => name.endsWith('.raw')).sort()
  expect(raw).toEqual([a, c].map((each) => `sha256-${sha256(each)}-raw.raw`).sort())
  answer = () => bytes
  await expect(pathOf(images, imageOf(bytes))).rejects.toMatchObject({ fault: { code: 'image.too_large' } })
})

test('what a killed conductor left half made is removed, and a file that was cut is fetched again', async () => {
  const path = await pathOf(cache(), imageOf(bytes))
  await writeFile(join(folder, 'sha256-x.part'), 'half')
  await writeFile(path, 'cut')
  expect((await readFile(await pathOf(cache(), imageOf(bytes)))).equals(bytes)).toBe(true)
  expect((await readdir(folder)).filter((name) => name.endsWith('.part'))).toEqual([])
  expect(requests).toBe(2)
})

test('facts that a power cut left empty, or a disk that got something else, let the image be fetched again', async () => {
  const images = cache()
  const path = await pathOf(images, imageOf(bytes))
  await writeFile(path.replace(/raw$/, 'json'), '')
  expect((await readFile(await pathOf(cache(), imageOf(bytes)))).equals(bytes)).toBe(true)
  expect(requests).toBe(2)
  await images.use(imageOf(bytes), use, (content) => images.distrust(content))
  await pathOf(images, imageOf(bytes))
  expect(requests).toBe(3)
})

test('a server that does not say how long its image is cannot fill the disk', async () => {
  chunked = true
  await expect(pathOf(cache(2 * MIB), imageOf(bytes))).rejects.toMatchObject({ fault: { code: 'image.too_large' } })
  expect(await readdir(folder)).toEqual([])
  expect((await readFile(await pathOf(cache(4 * MIB), imageOf(bytes)))).equals(bytes)).toBe(true)
})

test('a conductor whose disk is full says so, and does not fetch the image three times', async () => {
  await using full = await open('/dev/full', 'w')
  const image = imageOf(bytes)
  const options = { ...use, url: image.urls[0]!, networks, digest: imageDigestOf(image), into: full }
  await expect(fetchImage({ ...options, reserve: async () => {} })).rejects.toMatchObject({
    fault: { code: 'unavailable', message: expect.stringContaining('ENOSPC') as string },
  })
  expect(requests).toBe(1)
})

test('images that are fetched at once, or in use, do not fill more than the cache may have', async () => {
  const [a, b] = [noise(MIB, 7), noise(MIB, 8)]
  const images = cache(1.5 * MIB)
  answer = ({ url: path }) => (path === '/a' ? a : b)
  const at = (content: Buffer, path: string) => imageOf(content, { urls: [`${url}${path}`] })
  await images.use(at(a, '/a'), use, async () => {
    await expect(pathOf(images, at(b, '/b'))).rejects.toMatchObject({ fault: { code: 'unavailable' } })
  })
  expect((await readFile(await pathOf(images, at(b, '/b')))).equals(b), 'now a may go').toBe(true)
  const gate = Promise.withResolvers<void>()
  release = gate.promise
  const fresh = cache(1.5 * MIB)
  await rm(folder, { recursive: true })
  const both = [pathOf(fresh, at(a, '/a')), pathOf(fresh, at(b, '/b'))]
  gate.resolve()
  const ends = await Promise.allSettled(both)
  expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
})
