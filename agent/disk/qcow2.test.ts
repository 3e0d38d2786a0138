import { deflateRawSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { noise } from '../testing.ts'
import { CodecError } from '../../shared/codec-error.ts'
import type { RandomAccess } from './qcow2.ts'
import { openQcow2, zstdFrameBytes } from './qcow2.ts'
import { decodeQcow2Header } from '../../shared/qcow2-header.ts'

const CLUSTER = 512
const access = (bytes: Buffer): RandomAccess => ({
  bytes: bytes.length,
  async read(offset, length) {
    if (offset < 0 || offset + length > bytes.length)
      throw new Error(`a read of ${length} at ${offset} leaves the file`)
    return bytes.subarray(offset, offset + length)
  },
})

/** Header, L1 and L2 each in a cluster of 512 bytes, then data: guest clusters plain, hole, zero, compressed. */
function smallImage(type: 'zlib' | 'zstd' = 'zlib') {
  const plain = noise(CLUSTER)
  const text = Buffer.alloc(CLUSTER, 'abcdefgh')
  const packed = type === 'zlib' ? deflateRawSync(text) : zstdCompressSync(text)
  const file = Buffer.alloc(5 * CLUSTER)
  file.writeUInt32BE(0x514649fb, 0)
  file.writeUInt32BE(3, 4)
  file.writeUInt32BE(9, 20)
  file.writeBigUInt64BE(BigInt(4 * CLUSTER), 24)
  file.writeUInt32BE(1, 36)
  file.writeBigUInt64BE(BigInt(CLUSTER), 40)
  file.writeUInt32BE(4, 96)
  file.writeUInt32BE(112, 100)
  if (type === 'zstd') {
    file.writeBigUInt64BE(8n, 72)
    file.writeUInt8(1, 104)
  }
  file.writeBigUInt64BE((1n << 63n) | BigInt(2 * CLUSTER), CLUSTER)
  file.writeBigUInt64BE((1n << 63n) | BigInt(3 * CLUSTER), 2 * CLUSTER)
  file.writeBigUInt64BE((1n << 63n) | BigInt(3 * CLUSTER) | 1n, 2 * CLUSTER + 16)
  // cluster_bits 9: 61 bits of offset, 1 bit of additional sectors.
  file.writeBigUInt64BE((1n << 62n) | BigInt(4 * CLUSTER), 2 * CLUSTER + 24)
  plain.copy(file, 3 * CLUSTER)
  packed.copy(file, 4 * CLUSTER)
  return { file, guest: Buffer.concat([plain, Buffer.alloc(2 * CLUSTER), text]) }
}

async function readAll(file: Buffer): Promise<Buffer> {
  const image = await openQcow2(access(file))
  const guest = Buffer.alloc(Math.min(image.virtualBytes, 1 << 20))
  if (!(await image.readGuest(guest, 0))) guest.fill(0)
  return guest
}

describe('qcow2', () => {
  it('waits for the reads that it began before it says what is wrong with the image', async () => {
    const { file } = smallImage()
    file.writeBigUInt64BE((1n << 62n) | 0xff_ffff_ffffn, 2 * CLUSTER) // a compressed cluster outside the file: fails at once
    file.writeBigUInt64BE(BigInt(3 * CLUSTER), 2 * CLUSTER + 8) // a read that takes its time,
    file.writeBigUInt64BE(0n, 2 * CLUSTER + 16) // begun at this hole
    file.writeBigUInt64BE(1n << 40n, 2 * CLUSTER + 24) // outside the file: nothing after it is looked at
    const { promise: held, resolve: release } = Promise.withResolvers<void>()
    let reads = 0
    let open = 0
    const image = await openQcow2({
      ...access(file),
      async read(offset, length) {
        if (++reads > 3) await held
        open++
        return file.subarray(offset, offset + length)
      },
    })
    const reading = image.readGuest(Buffer.alloc(4 * CLUSTER), 0)
    await new Promise((resolve) => setImmediate(resolve)) // where a rejection that nobody awaits is noticed
    release()
    await expect(reading).rejects.toThrow(CodecError)
    expect(open).toBe(reads)
  })

  it.each(['zlib', 'zstd'] as const)('gives plain, missing, zero and %s clusters', async (type) => {
    const { file, guest } = smallImage(type)
    expect((await readAll(file)).equals(guest)).toBe(true)
  })

  it('a file that ends inside its last cluster has zeros for the rest', async () => {
    const { file } = smallImage()
    file.writeBigUInt64BE(BigInt(4 * CLUSTER), 2 * CLUSTER)
    file.fill(0, 2 * CLUSTER + 8, 3 * CLUSTER)
    const guest = await readAll(file.subarray(0, 4 * CLUSTER + 20))
    expect(guest.subarray(0, 20).equals(file.subarray(4 * CLUSTER, 4 * CLUSTER + 20))).toBe(true)
    expect(guest.subarray(20).every((byte) => byte === 0)).toBe(true)
  })

  it('a stretch without data is said to be zeros', async () => {
    const { file } = smallImage()
    const image = await openQcow2(access(file))
    expect(await image.readGuest(new Uint8Array(2 * CLUSTER), CLUSTER)).toBe(false)
  })

  const refused: [string, (file: Buffer) => unknown, string][] = [
    ['a backing file', (f) => f.writeBigUInt64BE(200n, 8), 'backing file'],
    ['a backing file of no offset', (f) => f.writeUInt32BE(5, 16), 'backing file'],
    ['an external data file', (f) => f.writeBigUInt64BE(4n, 72), 'another file'],
    ['encryption', (f) => f.writeUInt32BE(2, 32), 'encrypted'],
    ['a corrupt mark', (f) => f.writeBigUInt64BE(2n, 72), 'corrupt'],
    ['extended L2 entries', (f) => f.writeBigUInt64BE(16n, 72), 'extended'],
    ['an unknown feature', (f) => f.writeBigUInt64BE(1n << 40n, 72), 'feature 40'],
    ['version 4', (f) => f.writeUInt32BE(4, 4), 'version 4'],
    ['clusters of 4 GiB', (f) => f.writeUInt32BE(32, 20), 'clusters'],
    ['an endless L1 table', (f) => f.writeUInt32BE(0xffff_ffff, 36), 'L1 table'],
    ['a short L1 table', (f) => f.writeUInt32BE(0, 36), 'L1 table'],
    ['an L1 table outside the file', (f) => f.writeBigUInt64BE(1n << 40n, 40), 'outside'],
    ['a virtual size beyond any disk', (f) => f.writeBigUInt64BE(1n << 62n, 24), 'virtual size'],
    ['an L2 table outside the file', (f) => f.writeBigUInt64BE(1n << 40n, CLUSTER), 'outside'],
    ['an L2 table between clusters', (f) => f.writeUInt8(0xff, CLUSTER + 6), 'outside'],
    ['a cluster outside the file', (f) => f.writeBigUInt64BE(1n << 40n, 2 * CLUSTER), 'outside'],
    [
      'a compressed cluster outside the file',
      (f) => f.writeBigUInt64BE((1n << 62n) | (1n << 40n), 2 * CLUSTER),
      'outside',
    ],
    ['a compressed cluster that is none', (f) => f.fill(0xff, 4 * CLUSTER), 'compressed'],
    [
      'a compressed cluster that unpacks to more',
      (f) => deflateRawSync(Buffer.alloc(1 << 20)).copy(f, 4 * CLUSTER, 0, CLUSTER),
      'compressed',
    ],
  ]
  it.each(refused)('with %s is refused', async (_name, bend, why) => {
    const { file } = smallImage()
    bend(file)
    await expect(readAll(file)).rejects.toThrow(CodecError)
    await expect(readAll(file)).rejects.toThrow(why)
  })

  it('any header and any bent image is a value or a CodecError', async () => {
    const edits = fc.array(fc.tuple(fc.nat(5 * CLUSTER - 1), fc.nat(255)), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), edits, fc.boolean(), async (bytes, bends, zstd) => {
        const { file } = smallImage(zstd ? 'zstd' : 'zlib')
        for (const [at, value] of bends) file[at] = value
        for (const run of [
          () => Promise.resolve(bytes).then((b) => decodeQcow2Header(Buffer.from(b), b.length)),
          () => readAll(file),
        ]) {
          await run().catch((error: unknown) => {
            if (!(error instanceof CodecError)) throw error
          })
        }
      }),
      { numRuns: 1500 },
    )
  })
})

describe('zstd frames', () => {
  it('are measured exactly, whatever follows', () => {
    for (const length of [0, 1, 600, 70_000, 300_000]) {
      const frame = zstdCompressSync(length > 50_000 ? noise(length) : Buffer.alloc(length, 7))
      expect(zstdFrameBytes(Buffer.concat([frame, noise(100)]))).toBe(frame.length)
    }
  })
  it('cut short are a CodecError', () => {
    const frame = zstdCompressSync(noise(5000))
    for (let length = 0; length < frame.length; length++)
      expect(() => zstdFrameBytes(frame.subarray(0, length))).toThrow(CodecError)
  })
})
