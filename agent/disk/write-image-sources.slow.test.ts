// Sources that break off, fall silent or change, and writes that are aborted.
import { describe, expect, it } from 'vitest'
import { diskBytes, fileDisk, MIB, noise, serveBytes, serveHttp, sha256, temporaryFolder } from '../testing.ts'
import { fault, write } from './testdata/write.ts'

describe('a raw image', () => {
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
