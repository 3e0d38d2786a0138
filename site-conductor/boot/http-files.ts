// What a boot finds below its token by HTTP: iPXE's script, kernel, ramdisk and loaders, or a volume for a drive.
import type { Content } from '../http-boot/content.ts'
import { SCRIPT_NAME } from './decide.ts'
import type { LoaderName } from './loaders.ts'
import { instanceScript, localBootScript, ramdiskScript } from './script.ts'
import { type BootTicket, kickstartPath, mediumPath } from './ticket.ts'
import type { Stage } from './timeline.ts'
import { volumeScript } from './volume-script.ts'

export interface HttpFile {
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
  ticket: BootTicket,
  origin: string,
  loaders: ReadonlyMap<LoaderName, Uint8Array>,
): HttpFile[] {
  const { token, ramdisk, instance, medium, kickstart } = ticket
  const file = (name: string, stage: Stage, content: Content): HttpFile => ({
    path: `/${token}/${name}`,
    stage,
    content,
  })
  const files = [file(SCRIPT_NAME, 'ipxe-script', scriptOf(ticket, `${origin}/${token}`))]
  if (medium)
    files.push({
      path: mediumPath(token),
      stage: 'medium',
      content: { kind: 'file', ...medium, contentType: EFI_VOLUME },
    })
  if (kickstart)
    files.push({
      path: kickstartPath(token),
      stage: 'kickstart',
      content: { kind: 'bytes', bytes: kickstart, contentType: 'text/plain', once: true },
    })
  if (ramdisk)
    files.push(
      file('kernel', 'kernel', { kind: 'file', path: ramdisk.kernel, contentType: BINARY }),
      file('ramdisk', 'ramdisk', { kind: 'file', path: ramdisk.initrd, contentType: BINARY }),
    )
  if (ramdisk || instance)
    for (const [name, bytes] of loaders)
      files.push(file(name, 'http-loader', { kind: 'bytes', bytes, contentType: EFI_PROGRAM }))
  return files
}

function scriptOf({ ramdisk, instance }: BootTicket, base: string): Content {
  if (ramdisk)
    return script(ramdiskScript({ kernel: `${base}/kernel`, ramdisk: `${base}/ramdisk` }, ramdisk.kernelArguments))
  if (instance === undefined) return script(localBootScript())
  if ('kernel' in instance) return script(instanceScript(instance))
  const make = async () => Buffer.from(volumeScript(await instance.open()))
  return { kind: 'made', make, contentType: 'text/plain' }
}

function script(text: string): Content {
  return { kind: 'bytes', bytes: Buffer.from(text), contentType: 'text/plain' }
}
