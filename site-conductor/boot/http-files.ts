// What a boot finds below its token by HTTP: the script, the loaders, and the deploy ramdisk where that is what it boots.
import type { Content } from '../http-boot/content.ts'
import type { LoaderName } from './loaders.ts'
import { SCRIPT_NAME } from './decide.ts'
import { instanceScript, localBootScript, ramdiskScript } from './script.ts'
import type { BootTicket } from './ticket.ts'
import type { Stage } from './timeline.ts'

export interface HttpFile {
  readonly stage: Stage
  readonly content: Content
}

/** By name. `base`: the URL of the token. */
export function httpFiles(
  { ramdisk, instance }: BootTicket,
  base: string,
  loaders: ReadonlyMap<LoaderName, Uint8Array>,
): ReadonlyMap<string, HttpFile> {
  const files = new Map<string, HttpFile>()
  const script = ramdisk
    ? ramdiskScript({ kernel: `${base}/kernel`, ramdisk: `${base}/ramdisk` }, ramdisk.kernelArguments)
    : instance
      ? instanceScript(instance)
      : localBootScript()
  const bytes = Buffer.from(script)
  files.set(SCRIPT_NAME, { stage: 'ipxe-script', content: { kind: 'bytes', bytes, contentType: 'text/plain' } })
  if (ramdisk) {
    const contentType = 'application/octet-stream'
    files.set('kernel', { stage: 'kernel', content: { kind: 'file', path: ramdisk.kernel, contentType } })
    files.set('ramdisk', { stage: 'ramdisk', content: { kind: 'file', path: ramdisk.initrd, contentType } })
  }
  if (!ramdisk && !instance) return files
  // UEFI tells by the media type that this is a program (UEFI 2.10 §24.7.5).
  for (const [name, loader] of loaders)
    files.set(name, {
      stage: 'http-loader',
      content: { kind: 'bytes', bytes: loader, contentType: 'application/efi' },
    })
  return files
}
