// Sources that mean ill.
import type { IncomingHttpHeaders } from 'node:http'
import { describe, expect, it } from 'vitest'
import { diskBytes, fileDisk, MIB, noise, serveBytes, serveHttp, sha256, temporaryFolder } from '../testing.ts'
import { fault, write } from './testdata/write.ts'

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
