// Kernel and ramdisk of an installer that stands for Anaconda, which nobody may pass on: Debian's kernel, busybox, curl and our init.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { constants, zstdCompressSync } from 'node:zlib'
import { cacheDirectory, cached, contentHash } from '../cache.ts'
import { run } from '../run.ts'
import { sha256Of } from './boot-disk.ts'
import { cpioArchive, type CpioEntry } from './cpio.ts'
import { debianKernel, modulesInLoadOrder } from './debian-kernel.ts'

export interface InstallerFiles {
  readonly kernel: { readonly path: string; readonly sha256: string }
  readonly initrd: { readonly path: string; readonly sha256: string }
}

const BUSYBOX = '/bin/busybox'
const CURL = '/usr/bin/curl'
const MODULES = ['virtio_pci', 'virtio_blk', 'virtio_scsi', 'sd_mod', 'virtio_net', 'loop', 'isofs']

/** Builds them, or finds them in the cache. Inside a rack there is no internet: build before. */
export async function buildInstaller(): Promise<InstallerFiles> {
  const kernel = await debianKernel(cacheDirectory)
  const init = readFileSync(fileURLToPath(new URL('installer-init.sh', import.meta.url)))
  const key = contentHash([kernel.release, init, readFileSync(fileURLToPath(import.meta.url)), readFileSync(CURL)])
  const folder = await cached(
    `installer-${key}`,
    async (draft) => {
      const libraries = [...(await run('ldd', [CURL])).matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path!)
      writeFileSync(join(draft, 'initrd'), archive(init, libraries, modulesInLoadOrder(kernel, MODULES)))
    },
    join(cacheDirectory, 'lab'),
  )
  const file = async (path: string) => ({ path, sha256: await sha256Of(path) })
  return { kernel: await file(kernel.image), initrd: await file(join(folder, 'initrd')) }
}

function archive(init: Uint8Array, libraries: readonly string[], modules: readonly string[]): Uint8Array {
  const file = (path: string, bytes: Uint8Array, mode = 0o755): CpioEntry => ({ path, kind: 'file', mode, bytes })
  const copies = [...libraries, CURL].map((path) => file(path.slice(1), readFileSync(path)))
  const folders = new Set(
    copies.flatMap(({ path }) => {
      const parts = path.split('/').slice(0, -1)
      return parts.map((_, i) => parts.slice(0, i + 1).join('/'))
    }),
  )
  for (const folder of ['bin', 'dev', 'modules']) folders.add(folder)
  const name = (path: string) => path.slice(path.lastIndexOf('/') + 1)
  const entries: CpioEntry[] = [
    ...[...folders].toSorted().map((path) => ({ path, kind: 'directory' }) as const),
    // The kernel opens it for init before anything is mounted.
    { path: 'dev/console', kind: 'character-device', major: 5, minor: 1 },
    file('bin/busybox', readFileSync(BUSYBOX)),
    { path: 'bin/sh', kind: 'link', target: 'busybox' },
    file('init', init),
    ...copies,
    ...modules.map((path) => file(`modules/${name(path)}`, readFileSync(path), 0o644)),
    file('modules/order', Buffer.from(modules.map((path) => `${name(path)}\n`).join('')), 0o644),
  ]
  return zstdCompressSync(cpioArchive(entries), { params: { [constants.ZSTD_c_compressionLevel]: 6 } })
}
