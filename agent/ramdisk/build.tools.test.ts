// The ramdisk is built from Debian packages of this machine's apt sources, twice at once, and other programs can read it.
import { spawn } from 'node:child_process'
import { open } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { buildRamdisk } from './build.ts'

/** Names in the first archive of an initrd, by zstd and GNU cpio. */
function listArchive(path: string): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', 'zstd --decompress --stdout "$0" | cpio --list --quiet', path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
    child.on('error', reject)
    child.on('close', () => (text ? resolve(text.split('\n')) : reject(new Error('apt-get install zstd cpio'))))
  })
}

it('two builds at once give one ramdisk', { timeout: 300_000 }, async () => {
  const lines: string[] = []
  const [one, two] = await Promise.all([buildRamdisk({ log: (line) => void lines.push(line) }), buildRamdisk()])
  expect(two).toEqual(one)
  expect(one.bytes).toBeGreaterThan(20 * 2 ** 20)
  expect(lines.at(-1)).toMatch(/^ramdisk cloud: \d+\.\d MiB, [0-9a-f]{12}, \d+\.\d s$/)
  const names = await listArchive(one.initrd)
  expect(names).toEqual(
    expect.arrayContaining([
      'opt/ferrule/node',
      'usr/sbin/blkdiscard',
      'usr/sbin/tgtd',
      'usr/sbin/tgtadm',
      'usr/sbin/dropbear',
      'usr/sbin/mdadm',
      'usr/sbin/nvme',
      'usr/sbin/hdparm',
      'usr/lib/x86_64-linux-gnu/libatomic.so.1',
      'dev/console',
    ]),
  )
  expect(names.some((name) => name.endsWith('virtio_blk.ko'))).toBe(true)
  // Linux's mark in its boot header, where BIOS loaders look.
  const kernel = await open(one.kernel)
  const { buffer } = await kernel.read(Buffer.alloc(4), 0, 4, 0x202)
  await kernel.close()
  expect(buffer.toString()).toBe('HdrS')
})
