// What the lab needs from Debian, one line each: the installation hint, the check before a run and the documentation.
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

export interface LabPackage {
  readonly package: string
  /** A program on the PATH, or an absolute path. */
  readonly needs: string
  readonly why: string
}

export const labPackages: readonly LabPackage[] = [
  { package: 'util-linux', needs: 'unshare', why: 'namespaces, file locks, parent-death signals' },
  { package: 'iproute2', needs: 'ip', why: 'bridges, taps and addresses of the rack' },
  { package: 'qemu-system-x86', needs: 'qemu-system-x86_64', why: 'the machines' },
  { package: 'qemu-utils', needs: 'qemu-img', why: 'image formats' },
  {
    package: 'qemu-block-extra',
    needs: `/usr/lib/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu/qemu/block-iscsi.so`,
    why: 'the conductor writing disks over iSCSI',
  },
  { package: 'ipxe-qemu', needs: '/usr/lib/ipxe/qemu/pxe-virtio.rom', why: 'network boot ROMs of the NICs' },
  { package: 'ipxe', needs: '/usr/lib/ipxe/undionly.kpxe', why: 'boot loaders that the conductor serves' },
  { package: 'ovmf', needs: '/usr/share/OVMF/OVMF_CODE_4M.fd', why: 'UEFI firmware' },
  { package: 'openipmi', needs: 'ipmi_sim', why: 'a third-party BMC for each machine' },
  { package: 'libopenipmi-dev', needs: '/usr/include/OpenIPMI/mcserv.h', why: 'compiling the chassis relay' },
  { package: 'gcc', needs: 'gcc', why: 'compiling the chassis relay' },
  {
    package: 'libc6-dev',
    needs: '/usr/include/stdio.h',
    why: 'compiling the chassis relay',
  },
  {
    package: 'python3-pyghmi',
    needs: '/usr/lib/python3/dist-packages/pyghmi/ipmi/bmc.py',
    why: 'a second kind of BMC',
  },
  { package: 'tgt', needs: 'tgtd', why: 'volumes of a storage system' },
  { package: 'ipmitool', needs: 'ipmitool', why: 'the client that judges the BMCs' },
  { package: 'busybox-static', needs: '/bin/busybox', why: 'userland of the tiny test OS' },
  { package: 'grub-common', needs: 'grub-mkimage', why: 'boot loader of the tiny test OS' },
  { package: 'grub-pc-bin', needs: '/usr/lib/grub/i386-pc/boot.img', why: 'BIOS boot of the tiny test OS' },
  { package: 'grub-efi-amd64-bin', needs: '/usr/lib/grub/x86_64-efi/linux.mod', why: 'UEFI boot of the tiny test OS' },
  { package: 'gdisk', needs: 'sgdisk', why: 'partition tables' },
  { package: 'dosfstools', needs: 'mkfs.vfat', why: 'EFI system partition of the tiny test OS' },
  { package: 'mtools', needs: 'mcopy', why: 'files in that partition, without a mount' },
]

/** More, for building Debian itself as an image: an ordinary run of the rack does without. */
export const debianImagePackages: readonly LabPackage[] = [
  { package: 'mmdebstrap', needs: 'mmdebstrap', why: 'bootstraps Debian without root' },
  { package: 'uidmap', needs: 'newuidmap', why: 'user namespaces with more than one user' },
  { package: 'e2fsprogs', needs: 'mke2fs', why: 'its root file system, without a mount' },
]

/** Those whose program or file is not there. */
export function missingPackages(packages: readonly LabPackage[] = labPackages): LabPackage[] {
  return packages.filter(({ needs }) => !isThere(needs))
}

/** Throws with the command that helps when something is missing. */
export function requirePackages(packages: readonly LabPackage[] = labPackages): void {
  const missing = missingPackages(packages)
  if (missing.length === 0) return
  const names = [...new Set(missing.map((one) => one.package))].join(' ')
  throw new Error(`the lab misses ${missing.map(({ needs }) => needs).join(', ')}: sudo apt-get install ${names}`)
}

/** What to do about a program that is not there. */
export function installationHint(program: string): string {
  const known = [...labPackages, ...debianImagePackages].find(({ needs }) => needs === program)
  return known ? `${program} is missing: sudo apt-get install ${known.package}` : `${program} is missing`
}

/** PATH for the programs above: ordinary users of Debian lack the folders of sgdisk, mkfs.vfat and ip. */
export const programPath = [process.env['PATH'], '/usr/sbin', '/sbin'].filter(Boolean).join(delimiter)

function isThere(needs: string): boolean {
  if (needs.startsWith('/')) return readable(needs)
  return programPath.split(delimiter).some((folder) => readable(join(folder, needs)))
}

function readable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}
