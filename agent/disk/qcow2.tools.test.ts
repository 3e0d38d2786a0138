// Our reader against images that QEMU made, with qemu-img convert as judge.
import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { GIB, MIB, noise, serveBytes, serveHttp, sha256, temporaryFolder, fileDisk } from '../testing.ts'
import { runTool } from '../tool.ts'
import { openBlockTarget } from './block-target.ts'
import { openQcow2 } from './qcow2.ts'
import { writeImage } from './write-image.ts'

async function tool(file: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runTool(file, args)
  if (code === 127) throw new Error(`${file} is missing: apt-get install qemu-utils`)
  if (code !== 0) throw new Error(`${file} ${args.join(' ')}: ${stderr}`)
  return stdout
}

/** Text that compresses, noise that does not, holes between. The size is no multiple of a cluster. */
const guest = Buffer.concat([
  Buffer.alloc(3 * MIB, 'all work and no play makes jack a dull boy\n'),
  Buffer.alloc(5 * MIB),
  noise(2 * MIB + 512),
  Buffer.alloc(MIB),
  noise(70_144, 9),
])

async function readWith(path: string): Promise<Buffer> {
  const file = await open(path)
  try {
    const { size: bytes } = await file.stat()
    const image = await openQcow2({
      bytes,
      async read(offset, length) {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset)
        expect(bytesRead).toBe(length)
        return buffer
      },
    })
    const all = Buffer.alloc(image.virtualBytes)
    const step = Math.max(4 * MIB, 2 ** image.clusterBits)
    for (let at = 0; at < all.length; at += step) await image.readGuest(all.subarray(at, at + step), at)
    return all
  } finally {
    await file.close()
  }
}

const variants: [string, string[]][] = [
  ['version 2', ['-o', 'compat=0.10']],
  ['version 3', ['-o', 'compat=1.1']],
  ['lazy reference counts', ['-o', 'compat=1.1,lazy_refcounts=on']],
  ['compressed, zlib', ['-c']],
  ['compressed, zlib, version 2', ['-c', '-o', 'compat=0.10']],
  ['compressed, zstd', ['-c', '-o', 'compression_type=zstd']],
  ['clusters of 512 bytes', ['-o', 'cluster_size=512']],
  ['clusters of 4 KiB, compressed', ['-c', '-o', 'cluster_size=4096']],
  ['clusters of 2 MiB', ['-o', 'cluster_size=2M']],
  ['clusters of 2 MiB, compressed with zstd', ['-c', '-o', 'cluster_size=2M,compression_type=zstd']],
  ['preallocated metadata', ['-o', 'preallocation=metadata']],
  ['zeros written out', ['-S', '0']],
  ['reference counts of 1 bit', ['-o', 'refcount_bits=1']],
]

/** qemu-img measures the processor to choose its iterations, and gives up when the time for it is too short on a busy machine. */
async function createEncrypted(path: string): Promise<void> {
  const create = (iterTimeMs: number) => {
    const options = `encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=${iterTimeMs}`
    return tool('qemu-img', 'create', '-q', '-f', 'qcow2', '--object', 'secret,id=s,data=x', '-o', options, path, '10M')
  }
  await create(50)
    .catch(() => create(500))
    .catch(() => create(2000))
}

describe('qcow2 made by qemu-img', () => {
  it.each(variants)('%s', async (_name, options) => {
    await using folder = await temporaryFolder()
    const [raw, qcow2, judge] = ['guest.raw', 'guest.qcow2', 'judge.raw'].map((name) => join(folder.path, name)) as [
      string,
      string,
      string,
    ]
    await writeFile(raw, guest)
    await tool('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', ...options, raw, qcow2)
    await tool('qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', qcow2, judge)
    expect(sha256(await readWith(qcow2))).toBe(sha256(await readFile(judge)))
  })

  it('with zero clusters over data, and a snapshot', async () => {
    await using folder = await temporaryFolder()
    const [qcow2, judge] = [join(folder.path, 'guest.qcow2'), join(folder.path, 'judge.raw')]
    await writeFile(join(folder.path, 'guest.raw'), guest)
    await tool('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', join(folder.path, 'guest.raw'), qcow2)
    await tool('qemu-img', 'snapshot', '-c', 'before', qcow2)
    await tool(
      'qemu-io',
      '-f',
      'qcow2',
      '-c',
      'write -z 1M 1M',
      '-c',
      'write -z -u 8M 256k',
      '-c',
      'write -P 66 4M 64k',
      '-c',
      'discard 2M 128k',
      qcow2,
    )
    await tool('qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', qcow2, judge)
    expect(sha256(await readWith(qcow2))).toBe(sha256(await readFile(judge)))
  })

  it('with a backing file, a data file or encryption is refused', async () => {
    await using folder = await temporaryFolder()
    const at = (name: string) => join(folder.path, name)
    await writeFile(at('base.raw'), guest)
    await tool('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', at('base.raw'), '-F', 'raw', at('backed.qcow2'))
    await tool('qemu-img', 'create', '-q', '-f', 'qcow2', '-o', `data_file=${at('data.raw')}`, at('data.qcow2'), '10M')
    await createEncrypted(at('luks.qcow2'))
    await tool('qemu-img', 'create', '-q', '-f', 'qcow2', '-o', 'extended_l2=on', at('extended.qcow2'), '10M')
    await expect(readWith(at('backed.qcow2'))).rejects.toThrow('backing file')
    await expect(readWith(at('data.qcow2'))).rejects.toThrow('another file')
    await expect(readWith(at('luks.qcow2'))).rejects.toThrow('encrypted')
    await expect(readWith(at('extended.qcow2'))).rejects.toThrow('extended')
  })

  it.each([
    ['memory', 2 * GIB],
    ['the end of the disk', 0],
  ])('is written to a disk from %s, zeros over old data included', async (where, memAvailableBytes) => {
    await using folder = await temporaryFolder()
    const [raw, qcow2] = [join(folder.path, 'guest.raw'), join(folder.path, 'guest.qcow2')]
    await writeFile(raw, guest)
    await tool('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', '-c', raw, qcow2)
    const bytes = await readFile(qcow2)
    await using server = await serveHttp(serveBytes(bytes))
    const disk = await fileDisk(folder.path, 'vda', 48 * MIB, { dirty: true })
    const target = await openBlockTarget(disk)
    const lines: string[] = []
    const image = {
      id: 'i',
      urls: [server.url],
      disk_format: 'qcow2',
      os_hash_algo: 'sha256',
      os_hash_value: sha256(bytes),
    }
    const signal = new AbortController().signal
    await writeImage({
      image,
      target,
      memAvailableBytes,
      signal,
      random: Math.random,
      log: (line) => void lines.push(line),
      progress: () => {},
    })
    await target.close()
    expect(lines.join()).toContain(where === 'memory' ? 'wait in memory' : 'wait in disk')
    const after = await readFile(disk.path)
    expect(sha256(after.subarray(0, guest.length))).toBe(sha256(guest))
    expect(after.subarray(47 * MIB).every((byte) => byte === 0)).toBe(true)
  })
})
