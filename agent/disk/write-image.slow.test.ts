// What is on the disk when an image was written, or was not.
import { describe, expect, it } from 'vitest'
import { AgentFault } from '../fault.ts'
import { diskBytes, fileDisk, MIB, noise, serveBytes, serveHttp, sha256, temporaryFolder } from '../testing.ts'
import { type Bend, fault, write } from './testdata/write.ts'
import type { BlockTarget } from './block-target.ts'

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
