// Images as the conductor writes them to disks: raw content with its digest, kept by the digest of the file that was fetched.
// 1. A file named KEY.raw was verified whole. 2. A qcow2 is looked at by our own reader before any program opens it. 3. What is in use stays.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { ImageInfo } from '../../shared/agent-protocol.ts'
import { CodecError } from '../../shared/codec-error.ts'
import type { Env } from '../../shared/env.ts'
import { FaultError } from '../../shared/faults.ts'
import { decodeQcow2Header, QCOW2_HEADER_BYTES } from '../../shared/qcow2-header.ts'
import type { FetchNetworks } from './fetch-networks.ts'
import { withDigest } from './checksum-url.ts'
import { fetchImage, type ImageDigest, imageDigestOf } from './image-fetch.ts'
import { runQemuImg } from './qemu-img.ts'
import { Turns } from './turns.ts'

export interface CachedImage {
  /** Raw. */
  readonly path: string
  readonly bytes: number
  /** Of those bytes. */
  readonly digest: ImageDigest
}

const Facts = z.object({
  bytes: z.number().int().min(0),
  digest: z.object({ algorithm: z.enum(['sha256', 'sha512']), hex: z.string() }),
})

export interface ImageUse {
  readonly env: Env
  readonly signal: AbortSignal
  /** `part` is fetch or convert. */
  readonly onProgress: (part: string, bytes: number, total: number | undefined) => void
}

/** Where a server does not say how long its image is, other images are looked through once per so many bytes. */
const ROOM_STEP_BYTES = 16 * 1024 * 1024

export interface ImageCacheOptions {
  readonly folder: string
  /** What it may take on the disk, with what is being made. Images in use are not removed: where nothing else makes room, another one is refused. */
  readonly maxBytes: number
  readonly networks: FetchNetworks
}

export class ImageCache {
  readonly #options: ImageCacheOptions
  /** One at a time makes an image; those who want the same one wait. */
  readonly #makers = new Map<string, Turns>()
  readonly #users = new Map<string, number>()
  /** Bytes that images which are being made take, or may come to. */
  readonly #making = new Map<string, number>()
  #lastRoom: Promise<unknown> = Promise.resolve()
  #swept: Promise<void> | undefined

  constructor(options: ImageCacheOptions) {
    this.#options = options
  }

  /** Runs `work` with the image's content, fetched and verified unless it is here. */
  async use<T>(image: ImageInfo, use: ImageUse, work: (content: CachedImage) => Promise<T>): Promise<T> {
    const digest = imageDigestOf(await withDigest(image, use, this.#options.networks))
    const key = `${digest.algorithm}-${digest.hex}-${image.disk_format}`
    this.#swept ??= this.#sweep()
    await this.#swept
    this.#users.set(key, (this.#users.get(key) ?? 0) + 1)
    try {
      const makers = this.#makers.get(key) ?? new Turns(1)
      this.#makers.set(key, makers)
      const content = await makers.run(use.signal, () => this.#get(key, image, digest, use))
      return await work(content)
    } finally {
      const left = this.#users.get(key)! - 1
      if (left > 0) this.#users.set(key, left)
      else {
        this.#users.delete(key)
        this.#makers.delete(key)
      }
    }
  }

  /** A disk got something else than `content`: what is here may not be what was verified. Whoever uses it goes on; the next one fetches it again. */
  async distrust({ path }: CachedImage): Promise<void> {
    await rm(path.replace(/\.raw$/, '.json'), { force: true })
  }

  #path(name: string): string {
    return join(this.#options.folder, name)
  }

  /** What a conductor that was killed left half made. */
  async #sweep(): Promise<void> {
    await mkdir(this.#options.folder, { recursive: true, mode: 0o700 })
    const names = await readdir(this.#options.folder)
    for (const name of names.filter((each) => /\.(?:part|new)$/.test(each))) await rm(this.#path(name), { force: true })
  }

  async #get(key: string, image: ImageInfo, digest: ImageDigest, use: ImageUse): Promise<CachedImage> {
    const path = this.#path(`${key}.raw`)
    const known = await readFile(this.#path(`${key}.json`), 'utf8').catch(() => undefined)
    const there = await stat(path).catch(() => undefined)
    if (known !== undefined && there !== undefined) {
      const facts = factsOf(known)
      await utimes(path, new Date(use.env.now()), new Date(use.env.now()))
      if (there.size === facts?.bytes) return { path, ...facts }
    }
    const part = this.#path(`${key}.part`)
    const raw = this.#path(`${key}.new`)
    try {
      const bytes = await this.#fetch(key, part, image, digest, use)
      const made = image.disk_format === 'qcow2' ? await this.#convert(key, part, bytes, raw, use) : { bytes, digest }
      const facts = `${this.#path(key)}.json`
      await writeFile(`${facts}.new`, JSON.stringify(made), { flush: true })
      await rename(image.disk_format === 'qcow2' ? raw : part, path)
      await synced(this.#options.folder)
      await rename(`${facts}.new`, facts)
      await synced(this.#options.folder)
      return { path, ...made }
    } finally {
      await rm(part, { force: true })
      await rm(raw, { force: true })
      this.#making.delete(key)
    }
  }

  async #fetch(key: string, part: string, image: ImageInfo, digest: ImageDigest, use: ImageUse): Promise<number> {
    let room = 0
    const reserve = async (wanted: number) => {
      if (wanted <= Math.min(room, this.#options.maxBytes)) return
      await this.#makeRoom(key, wanted)
      room = wanted + ROOM_STEP_BYTES
    }
    const into = await open(part, 'w+', 0o600)
    try {
      const bytes = await fetchImage({
        ...use,
        url: image.urls[0]!,
        networks: this.#options.networks,
        format: image.disk_format,
        digest,
        into,
        reserve,
        onProgress: (done, total) => use.onProgress('fetch', done, total),
      })
      await into.sync()
      return bytes
    } finally {
      await into.close()
    }
  }

  async #convert(
    key: string,
    part: string,
    fileBytes: number,
    raw: string,
    use: ImageUse,
  ): Promise<Omit<CachedImage, 'path'>> {
    const bytes = await qcow2Size(part, fileBytes)
    await this.#makeRoom(key, fileBytes + (await unpackedBytes(part, use.signal)))
    await runQemuImg({
      args: ['convert', '-p', '-f', 'qcow2', '-O', 'raw', part, raw],
      signal: use.signal,
      onFraction: (fraction) => use.onProgress('convert', Math.floor(fraction * bytes), bytes),
    }).catch((error: unknown) => {
      if (!(error instanceof FaultError) || error.fault.code !== 'disk.io') throw error
      throw new FaultError('image.format', `the image cannot be unpacked: ${error.fault.message}`)
    })
    // Its facts are believed for ever, so it is on the disk before they are.
    await synced(raw)
    const hash = createHash('sha256')
    for await (const chunk of createReadStream(raw, { highWaterMark: 1 << 20, signal: use.signal }))
      hash.update(chunk as Buffer)
    return { bytes, digest: { algorithm: 'sha256', hex: hash.digest('hex') } }
  }

  /** One after another: of two that want the last room the first has it, and not neither. */
  async #makeRoom(key: string, bytes: number): Promise<void> {
    const turn = this.#lastRoom.then(() => this.#makeRoomNow(key, bytes))
    this.#lastRoom = turn.catch(() => undefined)
    await turn
  }

  /** Removes what was used longest ago until the `bytes` of `key` fit beside the rest. */
  async #makeRoomNow(key: string, bytes: number): Promise<void> {
    const { folder, maxBytes } = this.#options
    const hint = 'set imageCacheGiB at the conductor, or deploy_interface to direct'
    if (bytes > maxBytes)
      throw new FaultError('image.too_large', `the image has ${bytes} bytes, the conductor keeps ${maxBytes} at most`, {
        hint,
      })
    const files = (await readdir(folder)).filter((name) => name.endsWith('.raw') && name !== `${key}.raw`)
    const kept = await Promise.all(
      files.map(async (name) => {
        const { blocks, mtimeMs } = await stat(this.#path(name))
        return { key: name.slice(0, -'.raw'.length), bytes: blocks * 512, mtimeMs }
      }),
    )
    const others = this.#making.entries().reduce((sum, [other, each]) => sum + (other === key ? 0 : each), 0)
    let taken = kept.reduce((sum, each) => sum + each.bytes, others + bytes)
    for (const oldest of kept.sort((a, b) => a.mtimeMs - b.mtimeMs)) {
      if (taken <= maxBytes) break
      if (this.#users.has(oldest.key)) continue
      await rm(this.#path(`${oldest.key}.json`), { force: true })
      await rm(this.#path(`${oldest.key}.raw`), { force: true })
      taken -= oldest.bytes
    }
    if (taken > maxBytes)
      throw new FaultError('unavailable', `images in use leave no room for ${bytes} bytes of ${maxBytes}`, { hint })
    this.#making.set(key, bytes)
  }
}

/** How much of the disk a qcow2 takes when it is unpacked: its zeros take nothing. */
async function unpackedBytes(path: string, signal: AbortSignal): Promise<number> {
  let text = ''
  const args = ['measure', '--output=json', '-f', 'qcow2', '-O', 'raw', path]
  await runQemuImg({ args, signal, onOutput: (more) => (text += more) })
  return z.object({ required: z.number() }).parse(JSON.parse(text)).required
}

/** What was noted of an image; undefined where that cannot be read: a host that lost its power may leave an empty file. */
function factsOf(text: string): Omit<CachedImage, 'path'> | undefined {
  try {
    return Facts.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** A file's content, or a folder's names, are on the disk. */
async function synced(path: string): Promise<void> {
  const file = await open(path, 'r')
  await file.sync().finally(() => file.close())
}

/** Virtual size. Refuses, before any program opens the file, what would make it read another one. */
async function qcow2Size(path: string, fileBytes: number): Promise<number> {
  const file = await open(path, 'r')
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(QCOW2_HEADER_BYTES), 0, QCOW2_HEADER_BYTES, 0)
    return decodeQcow2Header(buffer.subarray(0, bytesRead), fileBytes).virtualBytes
  } catch (error) {
    if (error instanceof CodecError) throw new FaultError('image.format', error.message)
    throw error
  } finally {
    await file.close()
  }
}
