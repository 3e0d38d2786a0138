import type { IncomingHttpHeaders } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { ImageInfo } from '../../shared/agent-protocol.ts'
import { AgentFault } from '../fault.ts'
import { diskBytes, fileDisk, GIB, MIB, noise, serveBytes, serveHttp, sha256, temporaryFolder } from '../testing.ts'
import type { BlockDevice } from './block-devices.ts'
import type { BlockTarget } from './block-target.ts'
import { openBlockTarget } from './block-target.ts'
import type { WriteImageOptions } from './write-image.ts'
import { writeImage } from './write-image.ts'

type Bend = (target: BlockTarget) => BlockTarget

async function write(
  disk: BlockDevice,
  image: Partial<ImageInfo> & { urls: string[] },
  more: Partial<WriteImageOptions> = {},
  bend: Bend = (target) => target,
) {
  const target = bend(await openBlockTarget(disk))
  try {
    return await writeImage({
      image: { id: 'image', disk_format: 'raw', os_hash_algo: 'sha256', os_hash_value: '0'.repeat(64), ...image },
      target,
      memAvailableBytes: 2 * GIB,
      signal: new AbortController().signal,
      random: Math.random,
      log: () => {},
      progress: () => {},
      download: { retryDelayMs: () => 1, tries: 3, stallWindowMs: 200 },
      ...more,
    })
  } finally {
    await target.close()
  }
}

const fault = (promise: Promise<unknown>): Promise<AgentFault> =>
  promise.then(
    () => {
      throw new Error('no fault')
    },
    (error: unknown) => {
      if (error instanceof AgentFault) return error
      throw error
    },
  )

describe('a raw image', () => {
  it('is on the disk byte for byte, zeros over what was there before included, and the rest of the disk is left', async () => {
    await using folder = await temporaryFolder()
    const image = Buffer.concat([
      noise(5 * MIB + 512),
      Buffer.alloc(9 * MIB),
      noise(3 * MIB + 1000, 7),
      Buffer.alloc(5 * MIB),
      noise(700, 3),
    ])
    await using server = await serveHttp(serveBytes(image))
    const disk = await fileDisk(folder.path, 'vda', 40 * MIB, { dirty: true })
    const steps: number[] = []
    const written = await write(
      disk,
      { urls: [server.url], os_hash_value: sha256(image) },
      { progress: (_step, bytes) => void steps.push(bytes) },
    )
    expect(written).toMatchObject({ fetchedBytes: image.length, imageBytes: image.length })
    const after = await diskBytes(disk)
    expect(after.subarray(0, image.length).equals(image)).toBe(true)
    expect(after.subarray(image.length, 39 * MIB).every((byte) => byte === 0xa5)).toBe(true)
    expect(after.subarray(39 * MIB).every((byte) => byte === 0)).toBe(true) // a stale GPT mirror would be here
    expect(steps.at(-1)).toBe(image.length)
    expect(steps.length).toBeGreaterThan(4)
  })

  it('arrives whole on a disk that is slower than the network', async () => {
    await using folder = await temporaryFolder()
    const image = noise(36 * MIB + 77)
    await using server = await serveHttp(serveBytes(image))
    const disk = await fileDisk(folder.path, 'vda', 40 * MIB)
    const slow: Bend = (target) => ({
      ...target,
      async write(from, offset) {
        await new Promise((resolve) => setTimeout(resolve, 30))
        await target.write(from, offset)
      },
    })
    await write(disk, { urls: [server.url], os_hash_value: sha256(image) }, {}, slow)
    expect(sha256((await diskBytes(disk)).subarray(0, image.length))).toBe(sha256(image))
  })

  it('is not on a disk that drops writes, and then the disk does not boot', async () => {
    await using folder = await temporaryFolder()
    const image = noise(20 * MIB)
    await using server = await serveHttp(serveBytes(image))
    const disk = await fileDisk(folder.path, 'vda', 40 * MIB, { dirty: true })
    const liar: Bend = (target) => ({
      ...target,
      write: (from, offset) => (offset === 16 * MIB ? Promise.resolve() : target.write(from, offset)),
    })
    const error = await fault(write(disk, { urls: [server.url], os_hash_value: sha256(image) }, {}, liar))
    expect(error).toMatchObject({ type: 'ImageWriteError' })
    expect(error.message).toContain(`byte ${16 * MIB}`)
    expect((await diskBytes(disk)).subarray(0, MIB).every((byte) => byte === 0)).toBe(true)
  })

  it('with SHA-512, given as a bare checksum of 128 characters', async () => {
    await using folder = await temporaryFolder()
    const image = noise(MIB)
    await using server = await serveHttp(serveBytes(image))
    const disk = await fileDisk(folder.path, 'vda', 2 * MIB)
    const { createHash } = await import('node:crypto')
    const checksum = createHash('sha512').update(image).digest('hex')
    await write(disk, { urls: [server.url], os_hash_algo: null, os_hash_value: null, checksum })
    expect((await diskBytes(disk)).subarray(0, MIB).equals(image)).toBe(true)
  })

  it('with another digest is a fault that names both, and the disk does not boot', async () => {
    await using folder = await temporaryFolder()
    const image = noise(6 * MIB)
    await using server = await serveHttp(serveBytes(image))
    const disk = await fileDisk(folder.path, 'vda', 16 * MIB, { dirty: true })
    const error = await fault(write(disk, { urls: [server.url], os_hash_value: 'ab'.repeat(32) }))
    expect(error.type).toBe('ImageChecksumError')
    expect(error.details).toContain('ab'.repeat(32))
    expect(error.details).toContain(sha256(image))
    expect((await diskBytes(disk)).subarray(0, MIB).every((byte) => byte === 0)).toBe(true)
  })

  it('larger than the disk is refused before the first write', async () => {
    await using folder = await temporaryFolder()
    await using server = await serveHttp(serveBytes(noise(3 * MIB)))
    const disk = await fileDisk(folder.path, 'vda', 2 * MIB, { dirty: true })
    const error = await fault(write(disk, { urls: [server.url] }))
    expect(error.type).toBe('DiskTooSmall')
    expect((await diskBytes(disk)).every((byte) => byte === 0xa5)).toBe(true)
  })

  it('is taken up where the connection broke, with If-Range', async () => {
    await using folder = await temporaryFolder()
    const image = noise(8 * MIB + 5)
    const seen: (string | undefined)[] = []
    await using server = await serveHttp((request, response) => {
      seen.push(request.headers.range && `${request.headers.range} if ${request.headers['if-range']}`)
      const from = Number(/\d+/.exec(request.headers.range ?? '')?.[0] ?? 0)
      const end = seen.length < 3 ? from + 3 * MIB : image.length
      const range = from > 0 ? { 'content-range': `bytes ${from}-${image.length - 1}/${image.length}` } : {}
      response.writeHead(from > 0 ? 206 : 200, { 'content-length': image.length - from, etag: '"v1"', ...range })
      response.write(image.subarray(from, end), () => (end < image.length ? response.destroy() : response.end()))
    })
    const disk = await fileDisk(folder.path, 'vda', 16 * MIB)
    await write(disk, { urls: [server.url], os_hash_value: sha256(image) })
    expect((await diskBytes(disk)).subarray(0, image.length).equals(image)).toBe(true)
    expect(seen.length).toBe(3)
    expect(seen[1]).toMatch(/^bytes=[1-9]\d*- if "v1"$/)
  })

  it('is taken up where a source fell silent that kept the connection', async () => {
    await using folder = await temporaryFolder()
    const image = noise(3 * MIB)
    const seen: (string | undefined)[] = []
    const whole = serveBytes(image)
    await using server = await serveHttp((request, response) => {
      seen.push(request.headers.range)
      if (request.headers.range) return whole(request, response)
      response.writeHead(200, { 'content-length': image.length, etag: '"one"' })
      return void response.write(image.subarray(0, 2 * MIB))
    })
    const disk = await fileDisk(folder.path, 'vda', 8 * MIB)
    const lines: string[] = []
    await write(disk, { urls: [server.url], os_hash_value: sha256(image) }, { log: (line) => void lines.push(line) })
    expect(seen).toEqual([undefined, `bytes=${2 * MIB}-`])
    expect(lines.join()).toContain('the source stalled')
    expect((await diskBytes(disk)).subarray(0, image.length).equals(image)).toBe(true)
  })

  it('ends with the fault of a disk that fails, though its source would go on for ever', async () => {
    await using folder = await temporaryFolder()
    const piece = noise(MIB)
    const closed = Promise.withResolvers<void>()
    await using server = await serveHttp((_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write(piece));
      }
      response.on('close', closed.resolve)
      response.on('drain', more)
      more()
    })
    const disk = await fileDisk(folder.path, 'vda', 256 * MIB)
    const bad = (target: BlockTarget): BlockTarget => ({
      ...target,
      async write(from, offset) {
        if (offset + from.length > 9 * MIB && offset <= 9 * MIB)
          throw new AgentFault('DiskWriteError', `cannot write ${target.path} at byte ${offset}`, 'EIO')
        return await target.write(from, offset)
      },
    })
    const error = await fault(write(disk, { urls: [server.url] }, {}, bad))
    expect(error).toMatchObject({ type: 'DiskWriteError', details: 'EIO' })
    expect(error.message).toMatch(/vda at byte \d+$/)
    await closed.promise // the source is not left sending
    expect((await diskBytes(disk)).subarray(0, MIB).every((byte) => byte === 0)).toBe(true)
  })

  it('is taken up from a server without ranges, too, and from the next URL', async () => {
    await using folder = await temporaryFolder()
    const image = noise(5 * MIB)
    let tries = 0
    await using broken = await serveHttp((_request, response) => {
      response.writeHead(200, { 'content-length': image.length })
      response.write(image.subarray(0, ++tries * MIB), () => response.destroy())
    })
    await using whole = await serveHttp((_request, response) =>
      response.writeHead(200, { 'content-length': image.length }).end(image),
    )
    const disk = await fileDisk(folder.path, 'vda', 8 * MIB)
    await using missing = await serveHttp((_request, response) => response.writeHead(404).end())
    await write(
      disk,
      { urls: [missing.url, broken.url, whole.url], os_hash_value: sha256(image) },
      { download: { tries: 2, retryDelayMs: () => 1 } },
    )
    expect((await diskBytes(disk)).subarray(0, image.length).equals(image)).toBe(true)
  })

  it('that changed at the server in between is a fault, not a mixture', async () => {
    await using folder = await temporaryFolder()
    let tries = 0
    await using server = await serveHttp((_request, response) => {
      tries += 1
      response.writeHead(200, { 'content-length': 5 * MIB, etag: `"${tries}"` })
      response.write(noise(2 * MIB), () => response.destroy())
    })
    const disk = await fileDisk(folder.path, 'vda', 8 * MIB)
    const error = await fault(write(disk, { urls: [server.url] }))
    expect(error).toMatchObject({ type: 'ImageDownloadError' })
    expect(error.details).toContain('changed')
  })

  it('can be aborted, and then the disk does not boot', async () => {
    await using folder = await temporaryFolder()
    await using server = await serveHttp((_request, response) => {
      response.writeHead(200, { 'content-length': 20 * MIB })
      response.write(noise(9 * MIB)) // and no more
    })
    const controller = new AbortController()
    const disk = await fileDisk(folder.path, 'vda', 32 * MIB, { dirty: true })
    const progress = (_step: string, bytes: number) => bytes >= 8 * MIB && controller.abort()
    const error = await fault(
      write(disk, { urls: [server.url] }, { signal: controller.signal, progress, download: { tries: 1 } }),
    )
    expect(error.type).toBe('CommandAborted')
    expect((await diskBytes(disk)).subarray(0, MIB).every((byte) => byte === 0)).toBe(true)
  })
})

describe('a qcow2 image waits for its digest', () => {
  const image = Buffer.concat([Buffer.from('514649fb00000003', 'hex'), noise(9 * MIB)])
  const options = { disk_format: 'qcow2', os_hash_value: '12'.repeat(32) }

  it('where it fits, or is refused', async () => {
    await using folder = await temporaryFolder()
    await using server = await serveHttp(serveBytes(image))
    const disk = await fileDisk(folder.path, 'vda', 12 * MIB)
    const error = await fault(write(disk, { ...options, urls: [server.url] }, { memAvailableBytes: 0 }))
    expect(error).toMatchObject({ type: 'DiskTooSmall' })
    expect(error.message).toContain('neither into memory')
  })

  it('in memory only as long as there is memory, when its length is not known', async () => {
    await using folder = await temporaryFolder()
    await using server = await serveHttp((_request, response) => {
      response.write(image)
      response.end(image)
    })
    const disk = await fileDisk(folder.path, 'vda', 64 * MIB, { dirty: true })
    const memAvailableBytes = 256 * MIB + 6 * MIB
    const error = await fault(write(disk, { ...options, urls: [server.url] }, { memAvailableBytes }))
    expect(error.message).toContain('unknown length')
    expect((await diskBytes(disk)).every((byte) => byte === 0xa5)).toBe(true)
  })
})

describe('named by their symptoms', () => {
  it('endless source hangs a worker (CVE-2026-44919): ends at the size of the disk', async () => {
    await using folder = await temporaryFolder()
    const piece = noise(MIB)
    await using server = await serveHttp((_request, response) => {
      const more = () => {
        while (!response.destroyed && response.write(piece));
      }
      response.on('drain', more)
      more()
    })
    const disk = await fileDisk(folder.path, 'vda', 8 * MIB)
    const error = await fault(write(disk, { urls: [server.url] }))
    expect(error.type).toBe('DiskTooSmall')
    expect((await diskBytes(disk)).subarray(0, MIB).every((byte) => byte === 0)).toBe(true)
  })

  it('endless source hangs a worker (CVE-2026-44919): a trickle is a stalled source', async () => {
    await using folder = await temporaryFolder()
    await using server = await serveHttp((_request, response) => {
      response.writeHead(200, { 'content-length': MIB })
      const timer = setInterval(() => response.write('x'), 20)
      response.on('close', () => clearInterval(timer))
    })
    const disk = await fileDisk(folder.path, 'vda', 8 * MIB)
    const download = { tries: 1, stallWindowMs: 100, minWindowBytes: 1000 }
    const error = await fault(write(disk, { urls: [server.url] }, { download }))
    expect(error.type).toBe('ImageDownloadError')
    expect(error.details).toContain('stalled')
  })

  it('image format lies to the converter (CVE-2024-44082): what is declared raw must not be qcow2', async () => {
    await using folder = await temporaryFolder()
    const image = Buffer.concat([Buffer.from('514649fb00000003', 'hex'), noise(MIB)])
    await using server = await serveHttp(serveBytes(image))
    const disk = await fileDisk(folder.path, 'vda', 4 * MIB, { dirty: true })
    const error = await fault(write(disk, { urls: [server.url], os_hash_value: sha256(image) }))
    expect(error).toMatchObject({ type: 'InvalidImage' })
    expect(error.message).toContain('qcow2')
    expect((await diskBytes(disk)).every((byte) => byte === 0xa5)).toBe(true)
  })

  it('no checksum after conversion (CVE-2024-47211): a qcow2 with a wrong digest is never looked into', async () => {
    await using folder = await temporaryFolder()
    // A header that names a backing file: interpreting it would be another fault than the digest's.
    const image = Buffer.alloc(MIB)
    image.write('514649fb000000030000000000000100000000040000001000000000', 'hex')
    await using server = await serveHttp(serveBytes(image))
    const disk = await fileDisk(folder.path, 'vda', 4 * MIB, { dirty: true })
    const options = { urls: [server.url], disk_format: 'qcow2' }
    expect((await fault(write(disk, { ...options, os_hash_value: '12'.repeat(32) }))).type).toBe('ImageChecksumError')
    const honest = await fault(write(disk, { ...options, os_hash_value: sha256(image) }))
    expect(honest.type).toBe('InvalidImage')
    expect(honest.message).toContain('backing file')
  })

  it('an image without a digest, or with MD5, is refused before anything is fetched', async () => {
    await using folder = await temporaryFolder()
    const seen: never[] = []
    await using server = await serveHttp(serveBytes(noise(MIB), seen))
    const disk = await fileDisk(folder.path, 'vda', 2 * MIB)
    for (const image of [
      { os_hash_algo: 'md5', os_hash_value: '0'.repeat(32) },
      { os_hash_value: null, checksum: '0'.repeat(32) },
    ]) {
      expect((await fault(write(disk, { urls: [server.url], ...image }))).type).toBe('InvalidCommandParamsError')
    }
    expect(seen).toEqual([])
  })

  it('credentials follow a redirect to another origin', async () => {
    await using folder = await temporaryFolder()
    const image = noise(1000)
    const seen: IncomingHttpHeaders[] = []
    await using other = await serveHttp(serveBytes(image, seen))
    await using first = await serveHttp((request, response) => {
      seen.push(request.headers)
      response.writeHead(302, { location: `${other.url}/image` }).end()
    })
    const disk = await fileDisk(folder.path, 'vda', MIB)
    const secret = Buffer.from('Bearer secret').toString('base64')
    await write(disk, { urls: [first.url], os_hash_value: sha256(image), image_request_authorization: secret })
    expect(seen.map((headers) => headers.authorization)).toEqual(['Bearer secret', undefined])
  })
})
