// A whole-disk image of a tiny test OS, bootable by BIOS and UEFI: Debian's kernel, busybox and our init.
// Built without root, loop devices or mounts, in seconds; the same inputs are built once.
// The disk is that of boot-disk.ts; kernel and initramfs lie in its EFI system partition.
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { constants, zstdCompressSync } from 'node:zlib'
import { cacheDirectory, cached, contentHash } from '../cache.ts'
import { KERNEL_ARGUMENTS } from '../qemu.ts'
import { run } from '../run.ts'
import { bootDiskRecipe, createBootDisk, MIB, SECTOR, sha256Of } from './boot-disk.ts'
import type { DiskImage } from './boot-disk.ts'
import { cpioArchive } from './cpio.ts'
import { debianKernel, modulesInLoadOrder } from './debian-kernel.ts'

export interface TinyImageOptions {
  /** Default: the repository's .cache. */
  readonly cacheDir?: string
  /** Default raw. */
  readonly format?: 'raw' | 'qcow2'
}

const IMAGE_BYTES = 64 * MIB
const BUSYBOX = '/bin/busybox'
const MODULES = [
  'virtio_pci',
  'virtio_blk',
  'virtio_scsi',
  'sd_mod',
  'sr_mod',
  'virtio_net',
  'isofs',
  'iscsi_ibft',
  'button',
  'evdev',
]

/**
 * Builds the image, or finds it in the cache. Needs the packages of lab/debian-packages.ts, apt's lists and, the first time,
 * the internet: a rack has none, so build before inRack() what is to be used inside.
 */
export async function buildTinyImage({
  cacheDir = cacheDirectory,
  format = 'raw',
}: TinyImageOptions = {}): Promise<DiskImage> {
  const kernel = await debianKernel(cacheDir)
  const init = fileURLToPath(new URL('tiny-init.sh', import.meta.url))
  const recipe = [fileURLToPath(import.meta.url), init, BUSYBOX, ...bootDiskRecipe]
  const key = contentHash([kernel.release, kernel.image, KERNEL_ARGUMENTS, ...recipe.map((path) => readFileSync(path))])
  const directory = await cached(
    `tiny-${key}`,
    async (draft) => {
      const initramfs = join(draft, 'initramfs')
      writeFileSync(initramfs, tinyInitramfs(readFileSync(init), modulesInLoadOrder(kernel, MODULES)))
      await assembleDisk(draft, kernel.image, initramfs)
      await run('qemu-img', ['convert', '-O', 'qcow2', '-c', join(draft, 'tiny.raw'), join(draft, 'tiny.qcow2')])
    },
    join(cacheDir, 'lab'),
  )
  const path = join(directory, `tiny.${format}`)
  return { path, sha256: await sha256Of(path), bytes: statSync(path).size, virtualBytes: IMAGE_BYTES }
}

function tinyInitramfs(init: Uint8Array, modules: readonly string[]): Uint8Array {
  const moduleFiles = modules.map((path) => ({
    name: path.slice(path.lastIndexOf('/') + 1),
    bytes: readFileSync(path),
  }))
  const archive = cpioArchive([
    ...['bin', 'dev', 'modules'].map((path) => ({ path, kind: 'directory' }) as const),
    // The kernel opens it for init before anything is mounted.
    { path: 'dev/console', kind: 'character-device', major: 5, minor: 1 },
    { path: 'bin/busybox', kind: 'file', mode: 0o755, bytes: readFileSync(BUSYBOX) },
    { path: 'bin/sh', kind: 'link', target: 'busybox' },
    { path: 'init', kind: 'file', mode: 0o755, bytes: init },
    ...moduleFiles.map(({ name, bytes }) => ({ path: `modules/${name}`, kind: 'file', mode: 0o644, bytes }) as const),
    {
      path: 'modules/order',
      kind: 'file',
      mode: 0o644,
      bytes: Buffer.from(moduleFiles.map(({ name }) => `${name}\n`).join('')),
    },
  ])
  return zstdCompressSync(archive, { params: { [constants.ZSTD_c_compressionLevel]: 9 } })
}

async function assembleDisk(directory: string, kernel: string, initramfs: string): Promise<void> {
  const script = `linux /vmlinuz ${KERNEL_ARGUMENTS} quiet\ninitrd /initramfs\nboot\n`
  const system = await createBootDisk(join(directory, 'tiny.raw'), directory, {
    bytes: IMAGE_BYTES,
    systemEndLba: (IMAGE_BYTES - MIB) / SECTOR,
    grub: { partition: 2, script, modules: ['fat'] },
  })
  await run('mcopy', ['-i', system, kernel, '::/vmlinuz'])
  await run('mcopy', ['-i', system, initramfs, '::/initramfs'])
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { format: { type: 'string', default: 'raw' } } })
  if (values.format !== 'raw' && values.format !== 'qcow2') throw new Error('--format is raw or qcow2')
  console.log(JSON.stringify(await buildTinyImage({ format: values.format }), null, 2))
}
