// An image that this host fetches and whose checksum is a URL: the file there says its digest (as the agent reads it, agent/disk/write-image.ts).
import type { IncomingMessage } from 'node:http'
import type { ImageInfo } from '../../shared/agent-protocol.ts'
import { CHECKSUM_FILE_BYTES, digestIn, isChecksumUrl } from '../../shared/checksum-file.ts'
import type { Env } from '../../shared/env.ts'
import { FaultError } from '../../shared/faults.ts'
import type { FetchNetworks } from './fetch-networks.ts'
import { follow } from './follow.ts'

const PATIENCE_MS = 60_000

export interface ChecksumUse {
  readonly env: Env
  readonly signal: AbortSignal
}

/** The image with its digest in place of the URL. Rejects with a FaultError. */
export async function withDigest(image: ImageInfo, use: ChecksumUse, networks: FetchNetworks): Promise<ImageInfo> {
  const field = image.os_hash_value ? 'os_hash_value' : 'checksum'
  const url = image[field]?.trim() ?? ''
  const [source] = image.urls
  if (!isChecksumUrl(url) || source === undefined) return image
  const digest = digestIn(await fetchText(url, use, networks), source)
  if (digest === undefined) throw new FaultError('image.digest', 'the file at the checksum has no digest of the image')
  return { ...image, [field]: digest }
}

async function fetchText(url: string, { env, signal }: ChecksumUse, networks: FetchNetworks): Promise<string> {
  const late = new AbortController()
  const tooLate = new FaultError('image.unreachable', `the file of checksums did not come in ${PATIENCE_MS / 1000} s`)
  const stopTimer = env.setTimer(PATIENCE_MS, () => late.abort(tooLate))
  let response: IncomingMessage | undefined
  try {
    response = await follow(url, networks, AbortSignal.any([signal, late.signal]))
    const parts: Uint8Array[] = []
    let bytes = 0
    for await (const part of response as AsyncIterable<Uint8Array>) {
      bytes += part.length
      if (bytes > CHECKSUM_FILE_BYTES)
        throw new FaultError('image.digest', 'the file at the checksum is too large for one')
      parts.push(part)
    }
    return Buffer.concat(parts).toString('utf8')
  } catch (error) {
    signal.throwIfAborted()
    if (late.signal.aborted) throw tooLate
    if (error instanceof FaultError) throw error
    throw new FaultError('image.unreachable', `the file of checksums cannot be fetched: ${(error as Error).message}`, { cause: error }) // prettier-ignore
  } finally {
    stopTimer()
    response?.destroy()
  }
}
