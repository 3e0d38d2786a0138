// What a boot finds below its token by HTTP: iPXE's script, kernel, ramdisk and loaders, or a volume for a drive.
import { SCRIPT_NAME } from './decide.ts'
import type { LoaderName } from './loaders.ts'
import { localBootScript, ramdiskScript } from './script.ts'
import { type BootTicket, mediumPath } from './ticket.ts'
import type { Stage } from './timeline.ts'
import type { Content } from '../http-boot/content.ts'

interface HttpFile {
  readonly path: string
  /** As which its downloads go to the timeline. */
  readonly stage: Stage
  readonly content: Content
}

const BINARY = 'application/octet-stream'
/** UEFI tells by the media type what this is (UEFI 2.10 §24.7.5). */
const EFI_PROGRAM = 'application/efi'
const EFI_VOLUME = 'application/vnd.efi-iso'

/** `origin`: of the HTTP server. */
export function httpFiles(
  { token, ramdisk, medium }: BootTicket,
  origin: string,
  loaders: ReadonlyMap<LoaderName, Uint8Array>,
): HttpFile[] {
  const base = `/${token}`
  const urls = { kernel: `${origin}${base}/kernel`, ramdisk: `${origin}${base}/ramdisk` }
  const script = Buffer.from(ramdisk ? ramdiskScript(urls, ramdisk.kernelArguments) : localBootScript())
  const file = (name: string, stage: Stage, content: Content): HttpFile => ({ path: `${base}/${name}`, stage, content })
  return [
    file(SCRIPT_NAME, 'ipxe-script', { kind: 'bytes', bytes: script, contentType: 'text/plain' }),
    ...(medium
      ? [
          {
            path: mediumPath(token),
            stage: 'medium',
            content: { kind: 'file', ...medium, contentType: EFI_VOLUME },
          } as const,
        ]
      : []),
    ...(ramdisk
      ? [
          file('kernel', 'kernel', { kind: 'file', path: ramdisk.kernel, contentType: BINARY }),
          file('ramdisk', 'ramdisk', { kind: 'file', path: ramdisk.initrd, contentType: BINARY }),
          ...[...loaders].map(([name, bytes]) =>
            file(name, 'http-loader', { kind: 'bytes', bytes, contentType: EFI_PROGRAM }),
          ),
        ]
      : []),
  ]
}
