// How fast an image goes from an HTTP server onto a disk, hashed on the way, beside the three things that bound it, measured in the same run: SHA-256
// alone, writing alone, HTTP alone. The server is another process, as it is another machine in life.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { alignedBuffer, CHUNK_BYTES } from './disk/aligned.ts'
import { openBlockTarget } from './disk/block-target.ts'
import { plainGet } from './disk/http-answer.ts'
import { writeImage } from './disk/write-image.ts'
import { fileDisk, GIB, MIB, noise, temporaryFolder } from './testing.ts'

const IMAGE_BYTES = GIB
const PIECE_BYTES = 16 * MIB
const ROUNDS = 5

/** MiB of the image per second that `work` takes. */
async function rate(work: () => unknown): Promise<number> {
  const started = performance.now()
  await work()
  return IMAGE_BYTES / MIB / ((performance.now() - started) / 1000)
}

/** The image is one piece of noise over and over; no two chunks next to each other hash alike in the pipe, and no zeros. */
async function serve(): Promise<void> {
  const piece = noise(PIECE_BYTES)
  const server = http.createServer((_request, response) => {
    response.writeHead(200, { 'content-length': IMAGE_BYTES })
    let sent = 0
    const more = () => {
      while (sent < IMAGE_BYTES) {
        const at = sent % PIECE_BYTES
        sent += MIB
        if (!response.write(piece.subarray(at, at + MIB))) return response.once('drain', more)
      }
      return response.end()
    }
    more()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  console.log((server.address() as AddressInfo).port)
  process.stdin.resume().once('end', () => process.exit(0))
}

const nodeHttpAlone = (url: string) =>
  new Promise<void>((resolve, reject) => {
    http
      .get(url, { agent: false }, (response) =>
        response
          .on('data', () => {})
          .on('end', resolve)
          .on('error', reject),
      )
      .on('error', reject)
  })

/** The same reader that the agent uses, into memory that nobody looks at. */
async function httpAlone(url: string): Promise<void> {
  const answer = await plainGet(new URL(url), {}, { signal: new AbortController().signal, timeoutMs: 10_000 })
  const memory = alignedBuffer(CHUNK_BYTES)
  await answer.body({ space: () => memory, filled: () => undefined, take: () => undefined })
}

function hashAlone(): void {
  const hash = createHash('sha256')
  const chunk = alignedBuffer(CHUNK_BYTES)
  for (let done = 0; done < IMAGE_BYTES; done += chunk.length) hash.update(chunk)
  hash.digest()
}

async function writeAlone(disk: Parameters<typeof openBlockTarget>[0]): Promise<void> {
  const target = await openBlockTarget(disk)
  const chunks = Array.from({ length: 4 }, (_, i) => alignedBuffer(CHUNK_BYTES).fill(i + 1))
  let next = 0
  const writer = async (chunk: Uint8Array) => {
    while (next < IMAGE_BYTES) {
      const at = next
      next += CHUNK_BYTES
      await target.write(chunk, at)
    }
  }
  await Promise.all(chunks.map(writer))
  await target.flush()
  await target.close()
}

/** Takes about twenty seconds and a GiB of disk in the temporary folder. */
export async function run() {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'serve'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await using folder = await temporaryFolder()
  try {
    const [port] = (await once(createInterface(child.stdout), 'line')) as [string]
    const url = `http://127.0.0.1:${port}`
    const disk = await fileDisk(folder.path, 'vda', IMAGE_BYTES + 16 * MIB, { dirty: true })
    const hash = createHash('sha256')
    const piece = noise(PIECE_BYTES)
    for (let done = 0; done < IMAGE_BYTES; done += PIECE_BYTES) hash.update(piece)
    const image = {
      id: 'bench',
      urls: [url],
      disk_format: 'raw',
      os_hash_algo: 'sha256',
      os_hash_value: hash.digest('hex'),
    }

    const deploy = async () => {
      const target = await openBlockTarget(disk)
      const signal = new AbortController().signal
      const silent = { log: () => {}, progress: () => {}, random: Math.random }
      await writeImage({ image, target, memAvailableBytes: GIB, signal, ...silent }).finally(() => target.close())
    }
    const rows = {
      'SHA-256': hashAlone,
      write: () => writeAlone(disk),
      HTTP: () => httpAlone(url),
      'node:http': () => nodeHttpAlone(url),
      'image write': deploy,
    }
    const rates: Record<string, number[]> = {}
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, work] of Object.entries(rows)) (rates[name] ??= []).push(await rate(work))
    }
    // The best of a few: what others on the machine take away is not what is measured.
    const best = (name: string) => Math.max(...rates[name]!)
    // On few cores the parts compete: hash, write, our end of the connection and the server's each cost CPU time.
    const cores = availableParallelism()
    const perMib = 1 / best('SHA-256') + 1 / best('write') + 2 / best('HTTP')
    const bounds: Record<string, number> = {
      'SHA-256': best('SHA-256'),
      write: best('write'),
      HTTP: best('HTTP'),
      [`${cores} cores`]: cores / perMib,
    }
    const lowest = (names: string[]) => names.reduce((a, b) => (bounds[a]! < bounds[b]! ? a : b))
    const [anchorName, alone] = [lowest(Object.keys(bounds)), lowest(['SHA-256', 'write', 'HTTP'])]
    const [figure, anchor] = [best('image write'), bounds[anchorName]!]
    const text = [
      `1 GiB image, HTTP on loopback → SHA-256 → file with O_DIRECT → flush and samples read back, best of ${ROUNDS}`,
      ...Object.keys(rows).map((name) => `${name.padEnd(12)} ${best(name).toFixed(0).padStart(6)} MiB/s`),
      `limit of ${cores} cores ${(cores / perMib).toFixed(0)} MiB/s: SHA-256, write and both ends of HTTP share them`,
      `${(figure / bounds[alone]!).toFixed(2)} of the slowest part alone (${alone}), ${(figure / anchor).toFixed(2)} of what this machine can do (${anchorName})`,
    ].join('\n')
    return {
      name: 'agent',
      figure,
      unit: 'MiB/s',
      anchor,
      anchorName,
      ratio: figure / anchor,
      goal: '0.9 of the limit',
      floor: 0.9 * anchor,
      text,
    }
  } finally {
    child.stdin.end()
    await once(child, 'exit')
  }
}

if (process.argv[2] === 'serve') await serve()
