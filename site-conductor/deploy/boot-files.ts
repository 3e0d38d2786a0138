// Kernels, ramdisks and volumes that nodes name themselves, as files of this host: fetched once by their digest, or in folders that the site's file allows.
// 1. A file with its final name was verified whole. 2. What the API names can read nothing else of this host, and nothing unknown of its network.
import { open, realpath, rename, rm, stat } from 'node:fs/promises'
import { sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Env } from '../../shared/env.ts'
import { FaultError } from '../../shared/faults.ts'
import { KeptFolder, type KeptFolderOptions } from '../boot/kept-folder.ts'
import type { FetchNetworks } from './fetch-networks.ts'
import { digestOfHex, fetchImage, type ImageDigest } from './image-fetch.ts'
import { Turns } from './turns.ts'

export interface BootFile {
  /** For people, with the field of the node that it is of. */
  readonly name: string
  readonly of: 'driver_info' | 'instance_info'
  readonly url: string
  /** SHA-256 or SHA-512 in hexadecimal; needed for what is fetched. */
  readonly checksum?: string | undefined
}

export interface BootFileUse {
  readonly env: Env
  readonly signal: AbortSignal
  /** Bytes have come. */
  onProgress(bytes: number, total: number | undefined): void
}

/** The folder is for what was fetched. */
export interface BootFilesOptions extends KeptFolderOptions {
  /** Whose files may be named by file URLs. */
  readonly fileFolders: readonly string[]
  readonly networks: FetchNetworks
}

const LARGEST_BYTES = 4 * 2 ** 30

/** Throws a FaultError that says what is missing of `file`; talks to nobody. */
export function checkBootFile({ name, of, url, checksum }: BootFile): ImageDigest | undefined {
  if (new URL(url).protocol === 'file:') return undefined
  const digest = checksum === undefined ? undefined : digestOfHex(checksum)
  if (digest !== undefined) return digest
  throw new FaultError(
    'driver.invalid_info',
    `${name} is fetched from ${new URL(url).host}, and nothing says what it must be`,
    {
      hint: `set ${name}_checksum in ${of} to its SHA-256 or SHA-512, in hexadecimal`,
    },
  )
}

export class BootFiles {
  readonly #options: BootFilesOptions
  readonly #kept: KeptFolder
  /** By digest: one at a time fetches it, and those who wait find it there. */
  readonly #turns = new Map<string, Turns>()

  constructor(options: BootFilesOptions) {
    this.#options = options
    this.#kept = new KeptFolder(options)
  }

  /** Absolute path of the file. Rejects with a FaultError. */
  async get(file: BootFile, use: BootFileUse): Promise<string> {
    const digest = checkBootFile(file)
    if (digest === undefined) return await this.#local(file)
    const key = `${digest.algorithm}-${digest.hex}`
    const turns = this.#turns.get(key) ?? new Turns(1)
    this.#turns.set(key, turns)
    return await turns.run(use.signal, () => this.#get(key, file, digest, use))
  }

  async #local({ name, url }: BootFile): Promise<string> {
    const refused = (why: string) =>
      new FaultError('driver.invalid_info', `${name}: ${why}`, {
        hint: 'files of this conductor may be named in the folders that its fileUrlFolders lists',
      })
    const path = await realPathOf(url)
    for (const allowed of this.#options.fileFolders) {
      const folder = await realpath(allowed).catch(() => allowed)
      if (path?.startsWith(folder.endsWith(sep) ? folder : folder + sep) && (await stat(path)).isFile()) return path
    }
    // Whether a file is there is nobody's business either.
    throw refused(`there is no file ${new URL(url).pathname} that may be named`)
  }

  async #get(key: string, file: BootFile, digest: ImageDigest, use: BootFileUse): Promise<string> {
    const { networks } = this.#options
    const path = await this.#kept.path(key)
    if (await this.#kept.use(path)) return path
    const part = `${path}.${crypto.randomUUID()}`
    const into = await open(part, 'wx', 0o600)
    try {
      const reserve = async (bytes: number) => {
        checkSize(file, bytes)
        await this.#kept.reserve(part, bytes)
      }
      await fetchImage({ ...use, url: file.url, networks, digest, into, reserve })
      await into.sync()
      await rename(part, path)
      return path
    } catch (error) {
      await rm(part, { force: true })
      if (!(error instanceof FaultError)) throw error
      const { code, message, hint } = error.fault
      throw new FaultError(code, `${file.name}: ${message}`, {
        cause: error,
        hint: `check ${file.name} in ${file.of}${hint === undefined ? '' : `; ${hint}`}`,
      })
    } finally {
      this.#kept.settle(part)
      await into.close()
    }
  }
}

/** Undefined for what is not there, or no path of this host. */
async function realPathOf(url: string): Promise<string | undefined> {
  try {
    return await realpath(fileURLToPath(url))
  } catch {
    return undefined
  }
}

function checkSize({ name }: BootFile, bytes: number): void {
  if (bytes > LARGEST_BYTES) throw new FaultError('image.too_large', `${name} has more than ${LARGEST_BYTES} bytes`)
}
