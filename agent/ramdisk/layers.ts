// What the deploy ramdisk is without, and some steps need: each layer is a small root file system of its own, with its own libraries, that the agent fetches
// from its conductor when a step asks for it and runs programs in (docs/adr/0022). So the ramdisk stays as small as it is.
import { readdir, readFile, readlink, lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { LayerName } from '../../shared/layers.ts'
import { linkers, loaderOf, unpackPackages } from './debian.ts'
import { type Entry, encodeArchive, withFolders } from './newc.ts'

interface Recipe {
  readonly packages: string
  /** Paths in those packages. */
  readonly programs: readonly string[]
  /** Whole folders of those packages. */
  readonly folders?: readonly string[]
  /** Their content, by path. */
  readonly files?: Readonly<Record<string, string>>
  /** All public certificate authorities in one file. */
  readonly certificates?: boolean
  /** Library folders beside Debian's usual one, which libraries name by themselves. */
  readonly libraries?: readonly string[]
}

const SYSTEMD = 'libsystemd0 libgcrypt20 libgpg-error0 liblz4-1 libzstd1 liblzma5 libcap2'

/** Images come from where they are asked for, and nothing about them is signed: who asks for one names it by digest where that matters. */
const CONTAINER_FILES = {
  'etc/containers/policy.json': '{"default": [{"type": "insecureAcceptAnything"}]}\n',
  'etc/containers/registries.conf': 'unqualified-search-registries = []\n',
  'etc/containers/storage.conf':
    '[storage]\ndriver = "overlay"\nrunroot = "/run/containers/storage"\ngraphroot = "/var/lib/containers/storage"\n',
  // No systemd and no journal.
  'etc/containers/containers.conf':
    '[containers]\nlog_driver = "none"\n[engine]\nlock_type = "file"\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\nruntime = "crun"\n',
}

export const RECIPES: Readonly<Record<LayerName, Recipe>> = {
  burnin: {
    packages:
      'fio stress-ng smartmontools ' +
      // fio is linked with everything that it can write to: Ceph, GlusterFS, persistent memory, network block devices.
      'libc6 libgcc-s1 libstdc++6 libnuma1 zlib1g libaio1 libgfapi0 libnbd0 libibverbs1 librdmacm1 librados2 librbd1 libpmemblk1 libpmem1 libtirpc3 ' +
      'libacl1 libglusterfs0 libgfrpc0 libgfxdr0 libgnutls30 libxml2 libnl-route-3-200 libnl-3-200 libfmt9 libssl3 libcryptsetup12 libndctl6 ' +
      'libdaxctl1 libgssapi-krb5-2 libuuid1 libp11-kit0 libidn2-0 libunistring2 libtasn1-6 libnettle8 libhogweed6 libgmp10 libicu72 ' +
      'libboost-thread1.74.0 libboost-iostreams1.74.0 libblkid1 libudev1 libdevmapper1.02.1 libargon2-1 libjson-c5 libkmod2 libkrb5-3 libk5crypto3 ' +
      'libcom-err2 libkrb5support0 libffi8 libbz2-1.0 libselinux1 libkeyutils1 libpcre2-8-0 ' +
      'libegl1 libgles2 libglvnd0 libipsec-mb1 libjudydebian1 libapparmor1 libbsd0 libcrypt1 libgbm1 libjpeg62-turbo libsctp1 libxxhash0 libmd0 libdrm2 ' +
      `libwayland-server0 libexpat1 libcap-ng0 ${SYSTEMD}`,
    programs: ['usr/bin/fio', 'usr/bin/stress-ng', 'usr/sbin/smartctl'],
    folders: ['var/lib/smartmontools/drivedb'],
    libraries: ['ceph'],
  },
  containers: {
    packages:
      'podman crun conmon ca-certificates ' +
      'libc6 libgcc-s1 libsubid4 libgpgme11 libassuan0 libseccomp2 libdevmapper1.02.1 libaudit1 libcap-ng0 libselinux1 libsemanage2 libsepol2 libcrypt1 ' +
      `libpam0g libudev1 libpcre2-8-0 libbz2-1.0 libyajl2 libglib2.0-0 ${SYSTEMD}`,
    programs: ['usr/bin/podman', 'usr/bin/crun', 'usr/bin/conmon'],
    files: CONTAINER_FILES,
    certificates: true,
  },
}

/** Every program finds these mounted, or there, when the agent has unpacked the layer. */
const FOLDERS = ['dev', 'proc', 'sys', 'run', 'tmp', 'etc', 'root', 'mnt', 'usr/lib64', 'var/tmp']

async function filesBelow(root: string, folder: string): Promise<Entry[]> {
  const found = await readdir(join(root, folder), { recursive: true, withFileTypes: true }).catch(() => [])
  const entries: Entry[] = []
  for (const { parentPath, name } of found) {
    const path = join(parentPath, name)
    const facts = await lstat(path)
    const within = path.slice(root.length + 1)
    if (facts.isSymbolicLink()) entries.push({ path: within, kind: 'link', target: await readlink(path) })
    else if (facts.isFile())
      entries.push({ path: within, kind: 'file', content: await readFile(path), mode: facts.mode & 0o777 })
  }
  return entries
}

/** As ca-certificates puts them together when it is installed. */
async function authorities(root: string): Promise<Entry> {
  const all = await filesBelow(root, 'usr/share/ca-certificates')
  const parts = all.flatMap((entry) => (entry.kind === 'file' ? [Buffer.from(entry.content)] : []))
  return { path: 'etc/ssl/certs/ca-certificates.crt', kind: 'file', content: Buffer.concat(parts), mode: 0o644 }
}

/** The layer as an archive, not compressed. `work` is left to the caller. */
export async function layerArchive(name: LayerName, work: string): Promise<Buffer> {
  const { packages, programs, folders = [], files = {}, certificates = false, libraries: more = [] } = RECIPES[name]
  const { root } = await unpackPackages(packages.split(' '), work)
  const loader = loaderOf(root, more)
  const { triplet } = linkers[process.arch]!
  const file = async (path: string, source: string): Promise<Entry> => ({
    path: path.replace(/^(?=(?:bin|sbin|lib|lib64)\/)/, 'usr/'),
    kind: 'file',
    content: await readFile(source),
    mode: 0o755,
  })
  const entries: Entry[] = [await file(loader.interpreter, loader.linker)]
  for (const program of programs) entries.push(await file(program, join(root, program)))
  const libraries = await loader.libraries(programs.map((program) => join(root, program)))
  for (const [library, path] of libraries) entries.push(await file(`usr/lib/${triplet}/${library}`, path))
  for (const folder of folders) entries.push(...(await filesBelow(root, folder)))
  for (const [path, text] of Object.entries(files))
    entries.push({ path, kind: 'file', content: Buffer.from(text), mode: 0o644 })
  if (certificates) entries.push(await authorities(root))
  for (const link of ['bin', 'sbin', 'lib', 'lib64']) entries.push({ path: link, kind: 'link', target: `usr/${link}` })
  for (const path of FOLDERS) entries.push({ path, kind: 'folder' })
  return encodeArchive(withFolders(entries))
}
