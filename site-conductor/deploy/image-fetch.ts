// Fetches an image into a file: digest of every byte, format by its first bytes, bounded size, bounded patience. What fails leaves a fault.
import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import type { ImageInfo } from '../../shared/agent-protocol.ts'
import type { Env } from '../../shared/env.ts'
import { FaultError } from '../../shared/faults.ts'
import { formatLie, SNIFF_BYTES, sniffFormat } from '../../shared/image-format.ts'
import type { FetchNetworks } from './fetch-networks.ts'
import { follow } from './follow.ts'
import { sleep } from '../timing.ts'

export interface ImageDigest {
  readonly algorithm: 'sha256' | 'sha512'
  /** Lower-case hexadecimal. */
  readonly hex: string
}

export interface ImageFetch {
  readonly url: string
  /** That it may be fetched from. */
  readonly networks: FetchNetworks
  /** What its bytes must look like (disk_format); anything when absent. */
  readonly format?: string
  readonly digest: ImageDigest
  readonly into: FileHandle
  readonly env: Env
  readonly signal: AbortSignal
  /** Called before the file grows to so many bytes: with the length that the server announces, or where it announces none with each chunk. Throws to refuse. */
  readonly reserve: (bytes: number) => Promise<void>
  readonly onProgress: (bytes: number, total: number | undefined) => void
}

const HEX_LENGTH = { sha256: 64, sha512: 128 }
const TRIES = 3
const RETRY_PAUSE_MS = 2_000
/** So long without a byte: the try has failed. */
const STALL_MS = 60_000

/** A SHA-256 or SHA-512 in hexadecimal, told apart by their length; undefined: neither. */
export function digestOfHex(text: string): ImageDigest | undefined {
  const hex = text.trim().toLowerCase()
  const algorithm = hex.length === HEX_LENGTH.sha512 ? 'sha512' : 'sha256'
  return /^[0-9a-f]+$/.test(hex) && hex.length === HEX_LENGTH[algorithm] ? { algorithm, hex } : undefined
}

/** SHA-256 and SHA-512 only; os_hash_algo with os_hash_value win over checksum, whose algorithm follows from its length. */
export function imageDigestOf(image: ImageInfo): ImageDigest {
  const digest = digestOfHex(image.os_hash_value || image.checksum || '')
  const named = image.os_hash_value ? image.os_hash_algo?.toLowerCase() : undefined
  if (digest !== undefined && (named ?? digest.algorithm) === digest.algorithm) return digest
  throw new FaultError('image.digest', 'the digest of the image is not a SHA-256 or SHA-512 in hexadecimal')
}

/** Resolves with the number of bytes that are in the file and have the digest. */
export async function fetchImage(options: ImageFetch): Promise<number> {
  const { env, signal } = options
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetchOnce(options)
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof FaultError && error.fault.code !== 'image.unreachable') throw error
      if (attempt === TRIES) throw error instanceof FaultError ? error : unreachable(error)
    }
    await sleep(env, RETRY_PAUSE_MS, signal)
  }
}

async function fetchOnce(options: ImageFetch): Promise<number> {
  const { url, networks, format, digest, into, env, reserve, onProgress } = options
  const stalled = new AbortController()
  const signal = AbortSignal.any([options.signal, stalled.signal])
  const stall = () =>
    stalled.abort(new FaultError('image.unreachable', `no byte of the image for ${STALL_MS / 1000} s`))
  let stopTimer = env.setTimer(STALL_MS, stall)
  let response: IncomingMessage | undefined
  try {
    response = await follow(url, networks, signal)
    const announced = Number(response.headers['content-length'] ?? NaN)
    const total = Number.isSafeInteger(announced) ? announced : undefined
    if (total !== undefined) await reserve(total)
    const hash = createHash(digest.algorithm)
    let head = Buffer.alloc(0)
    let bytes = 0
    let isSniffed = false
    for await (const chunk of response as AsyncIterable<Uint8Array>) {
      stopTimer()
      stopTimer = env.setTimer(STALL_MS, stall)
      if (!isSniffed) {
        head = Buffer.concat([head, chunk])
        if (head.length >= SNIFF_BYTES) isSniffed = checkFormat(format, head)
      }
      if (total === undefined || bytes + chunk.length > total) await reserve(bytes + chunk.length)
      hash.update(chunk)
      await store(into, chunk, bytes)
      bytes += chunk.length
      onProgress(bytes, total)
    }
    if (total !== undefined && bytes !== total)
      throw new FaultError('image.unreachable', `the image ended after ${bytes} of ${total} bytes`)
    if (bytes === 0) throw new FaultError('image.format', 'the image is empty')
    // Which one is not told: whoever names a URL would learn what is at an address that only the conductor reaches.
    if (hash.digest('hex') !== digest.hex)
      throw new FaultError('image.digest', `the image has another ${digest.algorithm} than it should`)
    if (!isSniffed) checkFormat(format, head)
    await into.truncate(bytes) // an earlier try may have gone further
    return bytes
  } catch (error) {
    if (stalled.signal.aborted) throw stalled.signal.reason
    throw error
  } finally {
    stopTimer()
    response?.destroy()
  }
}

/** A disk of ours that takes no more is no fault of the server, and asking that again does not help. */
async function store(into: FileHandle, chunk: Uint8Array, at: number): Promise<void> {
  try {
    for (let done = 0; done < chunk.length;) {
      const { bytesWritten } = await into.write(chunk, done, chunk.length - done, at + done)
      done += bytesWritten
    }
  } catch (cause) {
    throw new FaultError('unavailable', `the conductor cannot keep the image: ${(cause as Error).message}`, {
      cause,
      hint: 'make room in its dataDir',
    })
  }
}

function checkFormat(format: string | undefined, head: Uint8Array): true {
  const lie = format === undefined ? undefined : formatLie(format, sniffFormat(head))
  if (lie !== undefined) throw new FaultError('image.format', lie)
  return true
}

function unreachable(error: unknown): FaultError {
  const { message, cause } = error as Error
  const why = cause instanceof Error ? cause.message : message
  return new FaultError('image.unreachable', `the image cannot be fetched: ${why}`, { cause: error })
}
