// From instance_info to what an installer is booted from and installs (Ironic's deploy interface `anaconda`). 1. What a machine runs or installs has a digest,
// where there is a place for one. 2. A text of a node is put into a kickstart file, a shell or a kernel's arguments only as a word that none of them reads as more.
import { FaultError } from '../../shared/faults.ts'
import { checkInstanceUrl } from '../boot/ticket.ts'
import { type BootFile, checkBootFile } from './boot-files.ts'

export interface InstallerInfo {
  /** Installer's kernel and ramdisk: fetched by this conductor, or, where nothing says what they must be, by the machine's iPXE. */
  readonly kernel: BootFile
  readonly ramdisk: BootFile
  readonly isFetchedHere: boolean
  /** URL of the second stage; with a repository it is there. */
  readonly stage2: string | undefined
  readonly source: { readonly liveimg: string; readonly sha256: string } | { readonly repository: string }
  /** The operator's own; undefined: the conductor's. */
  readonly template: BootFile | undefined
}

type Fields = Readonly<Record<string, unknown>>

/** No quote, blank, $, &, ; or #: what a kickstart file, a shell and a kernel take as it is. */
const WORD_URL = /^https?:\/\/[A-Za-z0-9.:/_~%?=+,@-]+$/

/** Throws a FaultError that says what is missing or cannot be, and what to do. Talks to nobody. */
export function installerInfoOf(instanceInfo: Fields): InstallerInfo {
  const [kernel, ramdisk, source, stage2] = ['kernel', 'ramdisk', 'image_source', 'stage2'].map((name) =>
    textOf(instanceInfo, name),
  )
  if (kernel === undefined || ramdisk === undefined)
    throw invalid(`instance_info has no ${kernel === undefined ? 'kernel' : 'ramdisk'}`, {
      hint: "set kernel and ramdisk to the URLs of the installer's (images/pxeboot/vmlinuz and initrd.img of the distribution)",
    })
  if (source === undefined)
    throw invalid('instance_info has no image_source', {
      hint: 'set it to the URL of an archive or squashfs of the system, or of a repository, with a slash at its end',
    })
  const isRepository = source.endsWith('/')
  if (!isRepository && stage2 === undefined)
    throw invalid('instance_info has no stage2', {
      hint: "set it to the URL of the installer's second stage: the folder that has images/install.img (or LiveOS/squashfs.img), or that file",
    })
  for (const [name, url] of Object.entries({ image_source: source, stage2 })) if (url !== undefined) wordUrl(name, url)
  const files = { kernel: fileOf(instanceInfo, 'kernel', kernel), ramdisk: fileOf(instanceInfo, 'ramdisk', ramdisk) }
  const template = textOf(instanceInfo, 'ks_template')
  const named = template === undefined ? undefined : fileOf(instanceInfo, 'ks_template', template)
  if (named !== undefined) checkBootFile(named)
  return {
    ...files,
    isFetchedHere: isFetchedHere(files),
    stage2,
    source: isRepository ? { repository: source } : { liveimg: source, sha256: sha256Of(instanceInfo) },
    template: named,
  }
}

/** Both are, or neither is: they go together. */
function isFetchedHere(files: { readonly kernel: BootFile; readonly ramdisk: BootFile }): boolean {
  const all = Object.values(files)
  if (all.every(({ checksum, url }) => checksum === undefined && !url.startsWith('file:'))) {
    for (const { name, url } of all)
      try {
        checkInstanceUrl(url)
      } catch (cause) {
        throw invalid(`instance_info.${name}: ${(cause as Error).message}`, {
          cause,
          hint: `set ${name}_checksum to its SHA-256, so that the conductor fetches it, or give a plain http URL, which the machine's iPXE fetches itself`,
        })
      }
    return false
  }
  for (const file of all) checkBootFile(file)
  return true
}

function fileOf(info: Fields, name: string, url: string): BootFile {
  if (!/^(https?|file):/.test(url) || !URL.canParse(url))
    throw invalid(`instance_info.${name} must be an http, https or file URL`)
  return { name, of: 'instance_info', url, checksum: textOf(info, `${name}_checksum`) }
}

function sha256Of(info: Fields): string {
  const isSha256 = (textOf(info, 'image_os_hash_algo') ?? 'sha256') === 'sha256'
  const hex = (isSha256 ? textOf(info, 'image_os_hash_value') : undefined) ?? textOf(info, 'image_checksum') ?? ''
  if (/^[0-9a-f]{64}$/i.test(hex)) return hex.toLowerCase()
  throw new FaultError('image.digest', 'instance_info has no SHA-256 of the image, and the installer knows no other', {
    hint: 'set image_os_hash_algo to sha256 and image_os_hash_value, or image_checksum, to its SHA-256',
  })
}

function wordUrl(name: string, url: string): void {
  if (WORD_URL.test(url) && URL.canParse(url)) return
  throw invalid(`instance_info.${name} must be an http or https URL without quotes, blanks, $, &, ; and #`, {
    hint: 'encode what is special in it (%26 for &)',
  })
}

function textOf(info: Fields, name: string): string | undefined {
  const value = info[name]
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined
}

function invalid(message: string, more: { readonly hint?: string; readonly cause?: unknown } = {}): FaultError {
  return new FaultError('request.invalid', message, more)
}
