// What a network loader is told for one boot: iPXE's script, GRUB's and PXELINUX's configuration. Made from a checked ticket and URLs of our own, so nothing in it needs escaping; it checks
// the arguments again all the same, because here a slip would run commands in firmware.
import { checkKernelArguments } from './kernel-arguments.ts'
import { checkInstanceUrl, type KernelInstance } from './ticket.ts'

const ATTEMPTS = 10

/**
 * Loads kernel and ramdisk and starts them. A failed download is tried again, 1 s later, then 2 s, and so on: the server
 * may be restarting. A machine that gives up switches itself off rather than boot whatever is on its disk.
 */
export function ramdiskScript(urls: { kernel: string; ramdisk: string }, kernelArguments: string): string {
  checkKernelArguments(kernelArguments)
  // iPXE hands a Linux EFI stub its initrd under this name; BOOTIF tells the ramdisk which card it came by.
  const commandLine = [kernelArguments.trim(), 'initrd=ramdisk', 'BOOTIF=${mac}']
    .filter((part) => part !== '')
    .join(' ')
  return lines([
    '#!ipxe',
    'set attempt:int32 0',
    ':again',
    'inc attempt',
    'imgfree',
    'echo Ferrule: loading the deploy ramdisk, attempt ${attempt}',
    `kernel --name kernel ${plainUrl(urls.kernel)} ${commandLine} || goto failed`,
    `initrd --name ramdisk ${plainUrl(urls.ramdisk)} || goto failed`,
    'boot || goto failed',
    ':failed',
    `iseq \${attempt} ${ATTEMPTS} && goto give_up ||`,
    'echo Ferrule: that failed, next attempt in ${attempt} s',
    'sleep ${attempt}',
    'goto again',
    ':give_up',
    'echo Ferrule: giving up, this machine switches off in 30 s',
    'sleep 30',
    'poweroff || reboot',
  ])
}

/** Seconds between two attempts to load an instance. */
const INSTANCE_PAUSE_S = 10

/**
 * Loads what an instance is, from where its operator has it, and starts it. That may be away for longer (a site that gets its power back), and
 * the machine has nothing else to do: it tries for ever.
 */
export function instanceScript({ kernel, ramdisk, kernelArguments }: KernelInstance): string {
  checkKernelArguments(kernelArguments)
  for (const url of [kernel, ramdisk]) checkInstanceUrl(url)
  const commandLine = [kernelArguments.trim(), 'initrd=ramdisk'].filter((part) => part !== '').join(' ')
  return lines([
    '#!ipxe',
    ':again',
    'imgfree',
    "echo Ferrule: loading this machine's instance",
    `kernel --name kernel ${kernel} ${commandLine} || goto failed`,
    `initrd --name ramdisk ${ramdisk} || goto failed`,
    'boot || goto failed',
    ':failed',
    `echo Ferrule: that failed, next attempt in ${INSTANCE_PAUSE_S} s`,
    `sleep ${INSTANCE_PAUSE_S}`,
    'goto again',
  ])
}

/**
 * Leaves the network: BIOS starts the first disk, UEFI goes on with the next entry of its boot order. That takes a failure: behind an
 * entry that ended well firmware shows its menu (UEFI 2.10 §3.1.1).
 */
export function localBootScript(): string {
  return lines([
    '#!ipxe',
    'echo Ferrule: nothing to deploy, booting from disk',
    'iseq ${platform} pcbios && sanboot --no-describe --drive 0x80 ||',
    'exit 1',
  ])
}

/**
 * Each argument stands in single quotes, in which GRUB changes nothing; a quote is refused. A machine that cannot load stays half a minute for
 * somebody to read why, then starts again: a one-time network boot is over by then.
 */
export function grubConfig(
  files: { kernel: string; ramdisk: string },
  kernelArguments: string,
  bootif?: string,
): string {
  checkKernelArguments(kernelArguments)
  const given = kernelArguments.split(' ').filter((part) => part !== '')
  const all = bootif === undefined ? given : [...given, `BOOTIF=${bootif}`]
  return lines([
    'echo "Ferrule: loading the deploy ramdisk"',
    `linux ${files.kernel} ${all.map((part) => `'${part}'`).join(' ')}`,
    `initrd ${files.ramdisk}`,
    'boot',
    'echo "Ferrule: that failed, this machine starts again in 30 s"',
    'sleep 30',
    'reboot',
  ])
}

/** Names are relative to the folder of pxelinux.0. The rest of a line behind APPEND is the kernel's, as it is. */
export function pxelinuxConfig(kernelArguments: string, bootif: string): string {
  checkKernelArguments(kernelArguments)
  return lines([
    'DEFAULT deploy',
    'PROMPT 0',
    'LABEL deploy',
    'KERNEL kernel',
    'INITRD ramdisk',
    `APPEND ${[kernelArguments.trim(), `BOOTIF=${bootif}`].filter((part) => part !== '').join(' ')}`,
  ])
}

function plainUrl(url: string): string {
  if (!/^http:\/\/[A-Za-z0-9.:/_-]+$/.test(url)) throw new Error(`not a plain http URL: ${JSON.stringify(url)}`)
  return url
}

function lines(all: string[]): string {
  return `${all.join('\n')}\n`
}
