// A whole-disk image of Debian 12 with cloud-init, bootable by BIOS and UEFI, as a cloud would offer it.
// Built without root, loop devices or mounts (mmdebstrap in a user namespace, mke2fs -d); a build takes two minutes and the internet once.
// The disk is that of boot-disk.ts; the third partition is the root file system, which cloud-init grows.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheDirectory, cached, contentHash } from '../cache.ts'
import { debianImagePackages, requirePackages } from '../debian-packages.ts'
import { insideRack } from '../namespaces.ts'
import { run } from '../run.ts'
import { bootDiskRecipe, createBootDisk, MIB, SECTOR, sha256Of } from './boot-disk.ts'
import type { DiskImage } from './boot-disk.ts'

export interface DebianImageOptions {
  /** Default: the repository's .cache. */
  readonly cacheDir?: string
  /** What is going on, one line at a time. Default: silent. */
  readonly log?: (line: string) => void
}

const SUITE = 'bookworm'
const WORK_PREFIX = 'ferrule-debian-'
const ROOT_MIB = 1024
const SYSTEM_END_LBA = (64 * MIB) / SECTOR
const ROOT_END_LBA = SYSTEM_END_LBA + (ROOT_MIB * MIB) / SECTOR
const IMAGE_BYTES = ROOT_END_LBA * SECTOR + MIB
const ROOT_GUID = '77000000-0000-4000-8000-000000000004'

/** Beside what dpkg itself needs. systemd-networkd, which cloud-init configures, comes with systemd. */
const PACKAGES = [
  'linux-image-cloud-amd64', 'initramfs-tools', 'zstd', 'e2fsprogs', 'systemd-sysv', 'udev', 'dbus', 'iproute2', 'openssh-server',
  'cloud-init', 'cloud-guest-utils',
] as const // prettier-ignore
const WITHOUT = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*']
/** All that the cloud kernel has for disks; the default initramfs with everything is five times as large. */
const DISK_MODULES = ['virtio_pci', 'virtio_blk', 'virtio_scsi', 'sd_mod', 'nvme', 'ext4']

// mmdebstrap tidies up when its whole process group is told to end, as by a terminal, and ignores a signal to itself alone.
const END_AS_A_GROUP = 'trap "trap - TERM; kill -TERM 0" TERM; mmdebstrap "$@" & wait $!'

// What mmdebstrap says about itself that a person wants to know.
const STAGE = /^I: ((?:downloading|extracting|installing|creating) .*?)\.*$/

const GRUB_SCRIPT = `linux /vmlinuz root=PARTUUID=${ROOT_GUID} ro console=tty0 console=ttyS0,115200 quiet
initrd /initrd.img
boot
`

/** The qcow2 image (zstd inside): built, or found in the cache. Needs debianImagePackages and labPackages; not inside a rack. */
export async function buildDebianImage(options: DebianImageOptions = {}): Promise<DiskImage> {
  const { cacheDir = cacheDirectory, log = () => {} } = options
  requirePackages(debianImagePackages)
  const rootScript = readFileSync(new URL('debian-root.sh', import.meta.url), 'utf8')
  const recipe = [fileURLToPath(import.meta.url), ...bootDiskRecipe].map((path) => readFileSync(path))
  const directory = await cached(
    `debian-12-${contentHash([rootScript, ...recipe])}`,
    (draft) => build(rootScript, join(draft, 'debian.qcow2'), log),
    join(cacheDir, 'lab'),
  )
  const path = join(directory, 'debian.qcow2')
  return { path, sha256: await sha256Of(path), bytes: statSync(path).size, virtualBytes: IMAGE_BYTES }
}

async function build(rootScript: string, output: string, log: (line: string) => void): Promise<void> {
  if (insideRack()) throw new Error('a rack has no internet: build Debian before inRack()')
  // An ordinary user's namespace writes as somebody else, who may not come into that user's folders.
  removeLeftOvers()
  const work = mkdtempSync(join(tmpdir(), `${WORK_PREFIX}${process.pid}-`))
  const remove = () => rmSync(work, { recursive: true, force: true })
  process.once('exit', remove) // a person may be too impatient
  const open = join(work, 'open')
  mkdirSync(open)
  chmodSync(work, 0o711)
  chmodSync(open, 0o1777)
  const started = performance.now()
  const tell = (line: string) => log(`${((performance.now() - started) / 1000).toFixed(0).padStart(5)} s  ${line}`)
  try {
    tell('bootstrapping Debian 12 with cloud-init (about 130 MB of packages; once)')
    const archive = join(work, 'root.tar')
    await bootstrap(archive, (line) => tell(`  ${line}`))
    tell(`writing the disk: root file system of ${(statSync(archive).size / 1e6).toFixed(0)} MB`)
    const disk = join(open, 'debian.raw')
    await createBootDisk(disk, work, {
      bytes: IMAGE_BYTES,
      systemEndLba: SYSTEM_END_LBA,
      root: { guid: ROOT_GUID, endLba: ROOT_END_LBA },
      grub: { partition: 3, script: GRUB_SCRIPT, modules: ['ext2'] },
    })
    chmodSync(disk, 0o666)
    const place = [archive, disk, String(SYSTEM_END_LBA * SECTOR), `${ROOT_MIB}M`]
    const env = { TMPDIR: open }
    await run('mmdebstrap', ['--unshare-helper', 'sh', '-c', rootScript, 'debian-root', ...place], { cwd: '/', env })
    tell('packing it as qcow2')
    await run('qemu-img', ['convert', '-O', 'qcow2', '-c', '-o', 'compression_type=zstd', disk, output])
    tell(`done: ${(statSync(output).size / 1e6).toFixed(0)} MB`)
  } finally {
    process.off('exit', remove)
    remove()
  }
}

/** Of builds that were killed outright. */
function removeLeftOvers(): void {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(WORK_PREFIX))) {
    const pid = name.slice(WORK_PREFIX.length).split('-')[0] ?? ''
    if (!existsSync(`/proc/${pid}`)) rmSync(join(tmpdir(), name), { recursive: true, force: true })
  }
}

async function bootstrap(archive: string, log: (line: string) => void): Promise<void> {
  const initramfs = '"$1/etc/initramfs-tools'
  const hook = [
    `mkdir -p ${initramfs}/conf.d"`,
    `printf 'MODULES=list\\nCOMPRESS=zstd\\n' >${initramfs}/conf.d/ferrule"`,
    `printf '%s\\n' ${DISK_MODULES.join(' ')} >${initramfs}/modules"`,
  ]
  const options = [
    '--mode=unshare',
    '--variant=minbase',
    '--aptopt=Acquire::Languages "none"',
    ...WITHOUT.map((path) => `--dpkgopt=path-exclude=${path}`),
    `--include=${PACKAGES.join(',')}`,
    // Before the kernel is installed, which makes its initramfs.
    `--essential-hook=${hook.join(' && ')}`,
    '--customize-hook=chroot "$1" systemctl --quiet enable systemd-networkd',
  ]
  const endsWithUs = ['setpriv', '--pdeathsig', 'TERM', 'sh', '-c', END_AS_A_GROUP, 'mmdebstrap']
  await run('setsid', [...endsWithUs, ...options, SUITE, archive], {
    cwd: '/',
    onErrorLine(line) {
      const stage = STAGE.exec(line)?.[1]
      if (stage !== undefined) log(stage)
    },
  })
}

if (import.meta.main) console.log(JSON.stringify(await buildDebianImage({ log: console.error }), null, 2))
