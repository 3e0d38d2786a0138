// A checksum that is a URL: the agent reads the file there before a byte of the image.
import type { IncomingHttpHeaders } from 'node:http'
import { expect, it } from 'vitest'
import type { ImageInfo } from '../../shared/agent-protocol.ts'
import { diskBytes, fileDisk, GIB, MIB, noise, serveBytes, serveHttp, sha256, temporaryFolder } from '../testing.ts'
import { openBlockTarget } from './block-target.ts'
import { writeImage } from './write-image.ts'

const image = noise(2 * MIB + 512)
const SUMS = `${'0'.repeat(64)}  other.raw\n${sha256(image)} *disk.raw\n`

/** `file` is what the server says at the URL of the checksum. */
async function write(file: string, more: (url: string) => Partial<ImageInfo>) {
  await using folder = await temporaryFolder()
  const asked: IncomingHttpHeaders[] = []
  await using server = await serveHttp((request, response) => {
    if (request.url === '/images/disk.raw') return serveBytes(image)(request, response)
    asked.push(request.headers)
    response.end(file)
  })
  const disk = await fileDisk(folder.path, 'vda', 8 * MIB)
  await using target = await openBlockTarget(disk).then((opened) => ({
    opened,
    [Symbol.asyncDispose]: () => opened.close(),
  }))
  const { digest } = await writeImage({
    image: {
      id: 'i',
      disk_format: 'raw',
      urls: [`${server.url}/images/disk.raw`],
      ...more(`${server.url}/images/SUMS`),
    },
    target: target.opened,
    memAvailableBytes: 2 * GIB,
    signal: new AbortController().signal,
    random: Math.random,
    log: () => {},
    progress: () => {},
    download: { retryDelayMs: () => 1, tries: 3, stallWindowMs: 200 },
  })
  return { digest: digest.hex, disk: (await diskBytes(disk)).subarray(0, image.length), asked }
}

const hashed = (os_hash_value: string) => ({ os_hash_algo: 'sha256', os_hash_value })

it.each([
  ['os_hash_value', hashed],
  ['checksum', (checksum: string) => ({ checksum })],
])('as %s: the file there says the digest', async (_, more) => {
  const { digest, disk, asked } = await write(SUMS, more)
  expect(digest).toBe(sha256(image))
  expect(Buffer.compare(disk, image)).toBe(0)
  expect(asked).toHaveLength(1)
})

it.each([
  ['no digest of the image', SUMS.replaceAll('disk', 'disc'), 'no digest of the image'],
  ['another one', 'a'.repeat(64), 'another sha256 digest'],
  ['no end', 'a'.repeat(2 * MIB), 'the file of checksums has'],
])('nothing is written where the file has %s', async (_, file, words) => {
  await expect(write(file, hashed)).rejects.toThrow(words)
})

it('the password of the image server is not told to another server', async () => {
  const basic = { image_server_auth_strategy: 'http_basic', image_server_user: 'u', image_server_password: 'p' }
  const same = await write(SUMS, (url) => ({ ...hashed(url), ...basic }))
  const other = await write(SUMS, (url) => ({ ...hashed(url.replace('127.0.0.1', 'localhost')), ...basic }))
  expect([same, other].map(({ asked }) => asked[0]!.authorization !== undefined)).toEqual([true, false])
})
