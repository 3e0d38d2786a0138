// The disk under a whole-disk image: GPT, GRUB for BIOS and for UEFI, made without root, loop devices or mounts.
//   LBA     34   GPT, boot.img in the MBR
//   LBA   2048   BIOS boot partition (1): GRUB's core image
//   LBA   4096   EFI system partition (2, FAT32): GRUB for UEFI
import { createHash } from 'node:crypto'
import { closeSync, createReadStream, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from '../run.ts'

export interface DiskImage {
  readonly path: string
  /** Of the file as it is, lower-case hex. */
  readonly sha256: string
  readonly bytes: number
  /** What a disk must hold; equals `bytes` for raw. */
  readonly virtualBytes: number
}

export interface BootDisk {
  /** Must leave the last MiB free: the backup GPT needs 33 sectors. */
  readonly bytes: number
  /** First sector behind the EFI system partition. */
  readonly systemEndLba: number
  /** The third partition, from `systemEndLba` to its end. */
  readonly root?: { readonly guid: string; readonly endLba: number }
  readonly grub: {
    /** Where the paths of the script are: GRUB takes the disk from the firmware, so nothing is searched for. */
    readonly partition: 2 | 3
    readonly script: string
    /** Beside part_gpt, linux and boot: the file system of that partition. */
    readonly modules: readonly string[]
  }
}

export const SECTOR = 512
export const MIB = 2 ** 20
const CORE_LBA = 2048
const SYSTEM_LBA = 4096
const GRUB_BIOS = '/usr/lib/grub/i386-pc'

// Fixed identifiers: the same build gives the same bytes.
const DISK_GUID = '77000000-0000-4000-8000-000000000001'
const CORE_GUID = '77000000-0000-4000-8000-000000000002'
const SYSTEM_GUID = '77000000-0000-4000-8000-000000000003'

/** Files that a disk is made of and by: they belong to the key of what is cached. */
export const bootDiskRecipe = [
  fileURLToPath(import.meta.url),
  join(GRUB_BIOS, 'boot.img'),
  join(GRUB_BIOS, 'kernel.img'),
]

/** Makes the raw, sparse file `path`; what GRUB is built from stays beside it. Gives the EFI system partition as mtools name it. */
export async function createBootDisk(path: string, directory: string, layout: BootDisk): Promise<string> {
  const { systemEndLba, root } = layout
  writeFileSync(path, '')
  truncateSync(path, layout.bytes)
  const partitions = [
    ...partition(1, CORE_LBA, SYSTEM_LBA, 'ef02', CORE_GUID),
    ...partition(2, SYSTEM_LBA, systemEndLba, 'ef00', SYSTEM_GUID),
    ...(root ? partition(3, systemEndLba, root.endLba, '8300', root.guid) : []),
  ]
  await run('sgdisk', ['--disk-guid', DISK_GUID, ...partitions, path])
  const [core, efi] = await grubImages(directory, layout.grub)
  embedGrub(path, readFileSync(core))
  const kibibytes = String(((systemEndLba - SYSTEM_LBA) * SECTOR) / 1024)
  // mkfs.vfat takes the cluster size from the whole file, and a FAT32 needs 65,525 clusters to be taken for one.
  const label = ['-F', '32', '-s', '1', '-n', 'FERRULE-ESP', '-i', '77000000', '--invariant']
  await run('mkfs.vfat', [...label, '--offset', String(SYSTEM_LBA), path, kibibytes])
  const system = `${path}@@${SYSTEM_LBA * SECTOR}`
  await run('mmd', ['-i', system, '::/EFI', '::/EFI/BOOT'])
  await run('mcopy', ['-i', system, efi, '::/EFI/BOOT/BOOTX64.EFI'])
  return system
}

function partition(number: number, startLba: number, endLba: number, type: string, guid: string): string[] {
  const range = ['--new', `${number}:${startLba}:${endLba - 1}`]
  return [...range, '--typecode', `${number}:${type}`, '--partition-guid', `${number}:${guid}`]
}

async function grubImages(directory: string, grub: BootDisk['grub']): Promise<[core: string, efi: string]> {
  const script = join(directory, 'grub.cfg')
  writeFileSync(script, grub.script)
  const image = async (platform: string, name: string, modules: readonly string[]) => {
    const output = join(directory, name)
    const all = ['part_gpt', 'linux', 'boot', ...grub.modules, ...modules]
    await run('grub-mkimage', ['-O', platform, '-o', output, '-p', `(,gpt${grub.partition})/`, '-c', script, ...all])
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

/** Lower-case hex. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
