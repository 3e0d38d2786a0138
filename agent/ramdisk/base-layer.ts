// The part of the ramdisk that hardly changes: kernel, its modules, libraries, a few programs, Node. About 40 MiB, kept by what went into it.
import { chmod, copyFile, cp, link, mkdir, readdir, readFile, realpath, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { constants, zstdCompressSync } from 'node:zlib'
import { runTool } from '../tool.ts'
import type { Loader } from './debian.ts'
import { linkers, loaderOf, resolveKernel, unpackPackages } from './debian.ts'
import { chooseModules } from './kernel-modules.ts'
import type { Entry } from './newc.ts'
import { encodeArchive, withFolders } from './newc.ts'

/** cloud: small, for virtual machines (virtio, NVMe, a few more). full: Debian's kernel for everything. */
export type Flavour = 'cloud' | 'full'

/** Besides the kernel. Libraries first, then programs. */
export const packages = (
  'libc6 libgcc-s1 libstdc++6 libatomic1 libtinfo6 zlib1g liblzma5 libzstd1 libssl3 libblkid1 libmount1 libsmartcols1 ' +
  'libudev1 libuuid1 libselinux1 libpcre2-8-0 busybox-static kmod util-linux ' +
  // The iSCSI target, and the libraries that it is linked with (RDMA and systemd among them, which it does without).
  'tgt libaio1 libibverbs1 librdmacm1 libnl-3-200 libnl-route-3-200 libsystemd0 libcap2 libgcrypt20 libgpg-error0 liblz4-1 ' +
  // What erases ATA and NVMe disks by themselves, and software RAID.
  'hdparm nvme-cli libnvme1 libjson-c5 libdbus-1-3 mdadm ' +
  // What hears LLDP.
  'tcpdump libpcap0.8 ' +
  // The SSH server of a rescue, and of a conductor's playbooks.
  'dropbear-bin libcrypt1 libtomcrypt1 libtommath1 libgmp10'
).split(' ')
/** Programs of those packages that go in, beside busybox's applets. */
export const programs = [
  'bin/kmod',
  'sbin/blkdiscard',
  'sbin/blockdev',
  'sbin/hdparm',
  'sbin/mdadm',
  'usr/bin/dropbearkey',
  'usr/bin/lsblk',
  'usr/bin/partx',
  'usr/bin/tcpdump',
  'usr/sbin/nvme',
  'usr/sbin/dropbear',
  'usr/sbin/tgtd',
  'usr/sbin/tgtadm',
]
/** zstd -19 would save a tenth and take minutes. */
const ZSTD_LEVEL = 9

export const compress = (bytes: Buffer): Buffer =>
  zstdCompressSync(bytes, {
    params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL, [constants.ZSTD_c_checksumFlag]: 1 },
  })

/** Node's binary as npm brought it, of the version that the project runs on. */
export async function nodeBinary(): Promise<string> {
  const require = createRequire(import.meta.url)
  return realpath(join(dirname(require.resolve(`node-linux-${process.arch}/package.json`)), 'bin/node'))
}

/** lib/x → usr/lib/x: the archive has merged folders, packages still use both names. */
const merged = (path: string) => (/^(?:bin|sbin|lib|lib64)\//.test(path) ? `usr/${path}` : path)

const file = async (path: string, source: string, mode = 0o644): Promise<Entry> => ({
  path: merged(path),
  kind: 'file',
  content: await readFile(source),
  mode,
})

async function moduleEntries(root: string, work: string, loader: Loader): Promise<Entry[]> {
  const [version] = await readdir(join(root, 'lib/modules'))
  if (version === undefined) throw new Error('the kernel package holds no modules')
  const kmod = join(root, 'bin/kmod')
  const from = join(root, 'lib/modules', version)
  const staged = join(work, 'modules')
  const to = join(staged, 'lib/modules', version)
  await loader.run(kmod, ['-b', root, version], 'depmod')
  for (const module of await chooseModules(from)) {
    await mkdir(dirname(join(to, module)), { recursive: true })
    await link(join(from, module), join(to, module))
  }
  for (const name of ['modules.builtin', 'modules.builtin.modinfo', 'modules.order'])
    await cp(join(from, name), join(to, name))
  // The indexes of the chosen ones only.
  await loader.run(kmod, ['-b', staged, version], 'depmod')
  const names = await readdir(to, { recursive: true, withFileTypes: true })
  return Promise.all(
    names
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name)
        return file(path.slice(staged.length + 1), path)
      }),
  )
}

/** Everything but the agent: entries of the archive. */
async function baseEntries(root: string, work: string): Promise<Entry[]> {
  const loader = loaderOf(root)
  const node = join(work, 'node')
  await copyFile(await nodeBinary(), node)
  await chmod(node, 0o755)
  // Symbols are a fifth of it. Without binutils the ramdisk is larger, that is all.
  await runTool('strip', [node])
  const executables = programs.map((program) => join(root, program))
  const libraries = await loader.libraries([node, ...executables])
  const busybox = join(root, 'bin/busybox')
  const applets = (await runTool(busybox, ['--list'])).stdout.split('\n').filter(Boolean)
  const entries: Entry[] = [
    await file('opt/ferrule/node', node, 0o755),
    await file('bin/busybox', busybox, 0o755),
    await file(loader.interpreter, loader.linker, 0o755),
  ]
  for (const program of programs) entries.push(await file(program, join(root, program), 0o755))
  for (const [name, path] of libraries)
    entries.push(await file(`usr/lib/${linkers[process.arch]!.triplet}/${name}`, path, 0o755))
  for (const name of ['modprobe', 'insmod', 'lsmod', 'rmmod', 'modinfo']) {
    entries.push({ path: `usr/sbin/${name}`, kind: 'link', target: '/usr/bin/kmod' })
  }
  const taken = new Set(entries.map((entry) => entry.path.replace(/^.*\//, '')))
  for (const applet of applets) {
    if (!taken.has(applet)) entries.push({ path: `usr/bin/${applet}`, kind: 'link', target: 'busybox' })
  }
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) entries.push({ path: name, kind: 'link', target: `usr/${name}` })
  for (const path of ['proc', 'sys', 'dev', 'run', 'tmp', 'etc', 'root', 'mnt', 'usr/lib64', 'opt/ferrule/commands']) {
    entries.push({ path, kind: 'folder' })
  }
  // For programs that look up who runs them, as tcpdump does. Nobody can log in by it.
  entries.push({
    path: 'etc/passwd',
    kind: 'file',
    content: Buffer.from('root:x:0:0:root:/root:/bin/sh\n'),
    mode: 0o644,
  })
  // The kernel opens this one for its first process, before anything is mounted.
  entries.push({ path: 'dev/console', kind: 'device', major: 5, minor: 1 })
  return [...entries, ...(await moduleEntries(root, work, loader))]
}

/** Makes `folder`/kernel, `folder`/base.cpio.zst and `folder`/sources.json (the packages with their versions). `work` is left to the caller. */
export async function buildBaseLayer(
  flavour: Flavour,
  folder: string,
  work: string,
  log: (line: string) => void,
): Promise<void> {
  const arch = linkers[process.arch]!.debian
  const kernelPackage = await resolveKernel(`linux-image-${flavour === 'cloud' ? 'cloud-' : ''}${arch}`)
  log(`packages: ${kernelPackage} and ${packages.length} more`)
  const { root, files } = await unpackPackages([kernelPackage, ...packages], work)
  const kernel = (await readdir(join(root, 'boot'))).find((name) => name.startsWith('vmlinuz-'))
  if (!kernel) throw new Error(`${kernelPackage} holds no kernel`)
  const archive = encodeArchive(withFolders(await baseEntries(root, work)))
  log(`base layer: ${(archive.length / 2 ** 20).toFixed(1)} MiB unpacked`)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'base.cpio.zst'), compress(archive))
  await copyFile(join(root, 'boot', kernel), join(folder, 'kernel'))
  await writeFile(
    join(folder, 'sources.json'),
    `${JSON.stringify({ flavour, node: process.version, packages: files }, null, 2)}\n`,
  )
}
