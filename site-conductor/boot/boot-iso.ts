// A volume that boots a ramdisk from a drive: BIOS and UEFI by GRUB (docs/adr/0017). It is made once for each pair of kernel and ramdisk, with room for
// the configuration of one boot; HttpBootServer puts that in while it serves (Patch), so that a thousand boots are one file.
// 1. A file with its final name is whole. 2. The same volume has the same bytes for as long as it may be read, whoever restarts meanwhile.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { FaultError } from '../../shared/faults.ts'
import type { Patch } from '../http-boot/content.ts'
import { KeptFolder, type KeptFolderOptions } from './kept-folder.ts'
import { grubConfig } from './script.ts'

export interface BootIso {
  /** Absolute. */
  readonly path: string
  /** Where the configuration lies: CONFIG_BYTES of it. */
  readonly configAtByte: number
}

/** Room for the longest command line with each argument in quotes. */
const CONFIG_BYTES = 8192
/** More than GRUB takes beside kernel and ramdisk. */
const GRUB_BYTES = 32 * 1024 * 1024
const SEARCH_BYTES = 1024 * 1024
/** What the configuration uses, what it takes to find it, and what grub-mkrescue's own configuration asks for with an error for each that is not there. */
const PARTITIONS = ['acorn', 'amiga', 'apple', 'bsd', 'dfly', 'dvh', 'gpt', 'msdos', 'plan', 'sun', 'sunpc']
const MODULES = [
  ...['normal', 'linux', 'iso9660', 'search', 'search_fs_file', 'search_fs_uuid', 'echo', 'sleep', 'reboot'],
  ...PARTITIONS.map((name) => `part_${name}`),
]
export const ISO_PROGRAMS = ['grub-mkrescue', 'xorriso', 'mformat'] as const
export const ISO_PACKAGES = 'apt-get install grub-common grub-pc-bin grub-efi-amd64-bin xorriso mtools'

/** What a boot's volume has instead of the room. Throws an Error for arguments that may not stand there. */
export function bootPatch({ configAtByte }: BootIso, kernelArguments: string): Patch {
  const text = Buffer.from(grubConfig({ kernel: '/kernel', ramdisk: '/ramdisk' }, kernelArguments))
  if (text.length > CONFIG_BYTES) throw new Error(`${text.length} bytes of configuration, more than ${CONFIG_BYTES}`)
  const bytes = Buffer.alloc(CONFIG_BYTES, '\n')
  bytes.set(text)
  return { atByte: configAtByte, bytes }
}

export class BootIsos {
  readonly #folder: string
  readonly #kept: KeptFolder
  readonly #making = new Map<string, Promise<BootIso>>()
  /** One at a time is made: each takes a processor and twice its size. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: KeptFolderOptions) {
    this.#folder = options.folder
    this.#kept = new KeptFolder(options)
  }

  /** The volume of these files as they are now. Rejects with a FaultError that says what to install. */
  async get({ kernel, initrd }: { readonly kernel: string; readonly initrd: string }): Promise<BootIso> {
    const key = await keyOf([kernel, initrd])
    const making = this.#making.get(key) ?? this.#get(key, kernel, initrd).finally(() => this.#making.delete(key))
    this.#making.set(key, making)
    return await making
  }

  async #get(key: string, kernel: string, initrd: string): Promise<BootIso> {
    const known = (await this.#kept.names()).map((name) => this.#parse(name, key)).find((iso) => iso !== undefined)
    if (known !== undefined && (await this.#kept.use(known.path))) return known
    const made = this.#last.then(() => this.#make(key, kernel, initrd))
    this.#last = made.catch(() => undefined)
    return await made
  }

  async #make(key: string, kernel: string, initrd: string): Promise<BootIso> {
    const work = await mkdtemp(await this.#kept.path('new-'))
    try {
      const sizes = await Promise.all([kernel, initrd].map(async (path) => (await stat(path)).size))
      await this.#kept.reserve(work, GRUB_BYTES + sizes.reduce((sum, size) => sum + size))
      const marker = `# ${crypto.randomUUID()}\n`
      const config = join(work, 'grub.cfg')
      await writeFile(config, marker.padEnd(CONFIG_BYTES, '\n'))
      const made = join(work, 'boot.iso')
      await makeRescueDisk(work, [
        `--output=${made}`,
        `--install-modules=${MODULES.join(' ')}`,
        ...['fonts', 'themes', 'locales'].map((what) => `--${what}=`),
        `boot/grub/grub.cfg=${config}`,
        // A symbolic link would be copied as such.
        `kernel=${await realpath(kernel)}`,
        `ramdisk=${await realpath(initrd)}`,
        ...['--', '-volid', 'FERRULE_BOOT'],
      ])
      const configAtByte = await findInFile(made, Buffer.from(marker))
      const path = join(this.#folder, `${key}-${configAtByte}.iso`)
      await rename(made, path)
      return { path, configAtByte }
    } finally {
      this.#kept.settle(work)
      await rm(work, { recursive: true, force: true })
    }
  }

  #parse(name: string, key: string): BootIso | undefined {
    const [, of, at] = /^([\w-]+)-(\d+)\.iso$/.exec(name) ?? []
    return of === key ? { path: join(this.#folder, name), configAtByte: Number(at) } : undefined
  }
}

/** Another content, or the same once more, is another volume. */
async function keyOf(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const path of paths) {
    const status = await stat(path, { bigint: true }).catch((cause: Error) => {
      throw new FaultError('unavailable', `the deploy ramdisk cannot be read: ${cause.message}`, { cause })
    })
    hash.update(`${path}\0${status.ino} ${status.size} ${status.mtimeNs}\0`)
  }
  return hash.digest('hex').slice(0, 32)
}

/** The parent-death signal is for the day on which we are killed meanwhile. */
async function makeRescueDisk(folder: string, args: readonly string[]): Promise<void> {
  try {
    await promisify(execFile)('setpriv', ['--pdeathsig', 'KILL', '--', 'grub-mkrescue', ...args], {
      env: { ...process.env, LC_ALL: 'C', TMPDIR: folder },
    })
  } catch (cause) {
    const { stderr = '', message } = cause as Error & { stderr?: string }
    const why = stderr.trim().split('\n').slice(-3).join('; ') || message
    throw new FaultError('driver.unsupported', `this conductor cannot make a volume that boots: ${why}`, {
      cause,
      hint: `on the conductor: ${ISO_PACKAGES}`,
    })
  }
}

/** Byte at which `wanted` begins. Rejects where it is not there. */
async function findInFile(path: string, wanted: Buffer): Promise<number> {
  const file = await open(path)
  try {
    const block = Buffer.alloc(SEARCH_BYTES)
    for (let at = 0; ; at += SEARCH_BYTES - wanted.length) {
      const { bytesRead } = await file.read(block, 0, SEARCH_BYTES, at)
      const found = block.subarray(0, bytesRead).indexOf(wanted)
      if (found !== -1) return at + found
      if (bytesRead < SEARCH_BYTES) throw new Error(`${path}: the configuration is not in it`)
    }
  } finally {
    await file.close()
  }
}
