// A whole-disk image of a tiny test OS, bootable by BIOS and UEFI: Debian's kernel, busybox and our init.
// Built without root, loop devices or mounts, in seconds; the same inputs are built once.
//   LBA     34   GPT, boot.img in the MBR
//   LBA   2048   BIOS boot partition: GRUB's core image
//   LBA   4096   EFI system partition (FAT32): GRUB for UEFI, kernel, initramfs
import { createHash } from 'node:crypto'
import {
  createReadStream,
  readFileSync,
  statSync,
  writeFileSync,
  openSync,
  writeSync,
  closeSync,
  truncateSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { constants, zstdCompressSync } from 'node:zlib'
import { cacheDirectory, cached, contentHash } from '../cache.ts'
import { run } from '../run.ts'
import { cpioArchive } from './cpio.ts'
import { debianKernel, modulesInLoadOrder } from './debian-kernel.ts'

export interface TinyImage {
  readonly path: string
  /** Of the file as it is, lower-case hex. */
  readonly sha256: string
  readonly bytes: number
  /** What a disk must hold; equals `bytes` for raw. */
  readonly virtualBytes: number
}

export interface TinyImageOptions {
  /** Default: the repository's .cache. */
  readonly cacheDir?: string
  /** Default raw. */
  readonly format?: 'raw' | 'qcow2'
}

const SECTOR = 512
const MIB = 2 ** 20
const IMAGE_BYTES = 64 * MIB
const CORE_LBA = 2048
const SYSTEM_LBA = 4096
const SYSTEM_END_LBA = (IMAGE_BYTES - MIB) / SECTOR // the backup GPT needs the last 33 sectors
const BUSYBOX = '/bin/busybox'
const GRUB_BIOS = '/usr/lib/grub/i386-pc'
const MODULES = [
  'virtio_pci',
  'virtio_blk',
  'virtio_scsi',
  'sd_mod',
  'sr_mod',
  'virtio_net',
  'isofs',
  'button',
  'evdev',
]

// Fixed identifiers: the same build gives the same bytes.
const DISK_GUID = '77000000-0000-4000-8000-000000000001'
const CORE_GUID = '77000000-0000-4000-8000-000000000002'
const SYSTEM_GUID = '77000000-0000-4000-8000-000000000003'

/**
 * Builds the image, or finds it in the cache. Needs the packages of lab/debian-packages.ts, apt's lists and, the first time,
 * the internet: a rack has none, so build before inRack() what is to be used inside.
 */
export async function buildTinyImage({
  cacheDir = cacheDirectory,
  format = 'raw',
}: TinyImageOptions = {}): Promise<TinyImage> {
  const kernel = await debianKernel(cacheDir)
  const init = fileURLToPath(new URL('tiny-init.sh', import.meta.url))
  const recipe = [
    fileURLToPath(import.meta.url),
    init,
    BUSYBOX,
    join(GRUB_BIOS, 'boot.img'),
    join(GRUB_BIOS, 'kernel.img'),
  ]
  const key = contentHash([kernel.release, kernel.image, ...recipe.map((path) => readFileSync(path))])
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
  return { path, sha256: await sha256(path), bytes: statSync(path).size, virtualBytes: IMAGE_BYTES }
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
  const disk = join(directory, 'tiny.raw')
  writeFileSync(disk, '')
  truncateSync(disk, IMAGE_BYTES)
  const partition1 = ['--new', `1:${CORE_LBA}:${SYSTEM_LBA - 1}`, '--typecode', '1:ef02', '--partition-guid']
  const partition2 = ['--new', `2:${SYSTEM_LBA}:${SYSTEM_END_LBA - 1}`, '--typecode', '2:ef00', '--partition-guid']
  const partitions = [...partition1, `1:${CORE_GUID}`, ...partition2, `2:${SYSTEM_GUID}`]
  await run('sgdisk', ['--disk-guid', DISK_GUID, ...partitions, disk])
  const [core, efi] = await grubImages(directory)
  embedGrub(disk, readFileSync(core))
  const kibibytes = String(((SYSTEM_END_LBA - SYSTEM_LBA) * SECTOR) / 1024)
  const label = ['-F', '32', '-n', 'FERRULE-ESP', '-i', '77000000', '--invariant']
  await run('mkfs.vfat', [...label, '--offset', String(SYSTEM_LBA), disk, kibibytes])
  const partition = `${disk}@@${SYSTEM_LBA * SECTOR}`
  await run('mmd', ['-i', partition, '::/EFI', '::/EFI/BOOT'])
  await run('mcopy', ['-i', partition, efi, '::/EFI/BOOT/BOOTX64.EFI'])
  await run('mcopy', ['-i', partition, kernel, '::/vmlinuz'])
  await run('mcopy', ['-i', partition, initramfs, '::/initramfs'])
}

// GRUB takes its own disk from the firmware and the partition from the prefix "(,gpt2)": nothing is searched for.
async function grubImages(directory: string): Promise<[core: string, efi: string]> {
  const script = join(directory, 'grub.cfg')
  writeFileSync(script, 'linux /vmlinuz console=ttyS0,115200 quiet\ninitrd /initramfs\nboot\n')
  const image = async (platform: string, name: string, modules: readonly string[]) => {
    const output = join(directory, name)
    const common = ['part_gpt', 'fat', 'linux', 'boot', ...modules]
    await run('grub-mkimage', ['-O', platform, '-o', output, '-p', '(,gpt2)/', '-c', script, ...common])
    return output
  }
  return [await image('i386-pc', 'core.img', ['biosdisk']), await image('x86_64-efi', 'bootx64.efi', [])]
}

// What grub-install does on a disk of its own (grub-core/boot/i386/pc: boot.S, diskboot.S; include/grub/i386/pc/boot.h).
function embedGrub(disk: string, core: Buffer): void {
  const coreSectors = Math.ceil(core.length / SECTOR)
  if (coreSectors > SYSTEM_LBA - CORE_LBA) throw new Error('GRUB does not fit its partition')
  const boot = readFileSync(join(GRUB_BIOS, 'boot.img')).subarray(0, 440) // up to the disk signature
  boot.writeBigUInt64LE(BigInt(CORE_LBA), 0x5c) // GRUB_BOOT_MACHINE_KERNEL_SECTOR
  boot.writeUInt16LE(0x9090, 0x66) // GRUB_BOOT_MACHINE_DRIVE_CHECK: trust the drive number the BIOS gives
  // The first core sector loads the others: start, count, segment at its end.
  core.writeBigUInt64LE(BigInt(CORE_LBA + 1), 0x1f4)
  core.writeUInt16LE(coreSectors - 1, 0x1fc)
  core.writeUInt16LE(0x820, 0x1fe)
  const file = openSync(disk, 'r+')
  writeSync(file, boot, 0, boot.length, 0)
  writeSync(file, core, 0, core.length, CORE_LBA * SECTOR)
  closeSync(file)
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { format: { type: 'string', default: 'raw' } } })
  if (values.format !== 'raw' && values.format !== 'qcow2') throw new Error('--format is raw or qcow2')
  console.log(JSON.stringify(await buildTinyImage({ format: values.format }), null, 2))
}
