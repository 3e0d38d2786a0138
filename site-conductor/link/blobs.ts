// Reads what the cloud keeps for this site outside of frames. The request is signed like the one that opens the socket.
import type { Env } from '../../shared/env.ts'
import { FaultError } from '../../shared/faults.ts'
import { signUpgrade } from '../../shared/upgrade.ts'

/** A config drive of 64 MiB, gzipped, in base64 and sealed. */
const MAX_BYTES = 160 * 2 ** 20
const TIMEOUT_MS = 60_000
const TRIES = 3

export interface BlobReader {
  readonly env: Env
  /** The cloud. */
  readonly url: string
  readonly conductor: string
  readonly incarnation: string
  readonly privateKey: string
}

/** Answers a function that fetches one blob as text; it throws a FaultError after three tries. */
export function blobs(reader: BlobReader): (key: string) => Promise<string> {
  return async (key) => {
    const url = `${reader.url.replace(/\/+$/, '')}/v1/conductor/blobs/${key}`
    let why = ''
    for (let attempt = 0; attempt < TRIES; attempt++) {
      if (attempt > 0) await new Promise<void>((done) => reader.env.setTimer(1000 * attempt, done))
      try {
        const headers = await signUpgrade(reader.privateKey, url, { ...reader, at: reader.env.now() })
        const response = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) })
        const length = Number(response.headers.get('content-length') ?? 0)
        if (response.ok && length <= MAX_BYTES) return await response.text()
        why = `the cloud answered ${response.status}`
        await response.body?.cancel()
        if (response.status === 404) break
      } catch (error) {
        why = (error as Error).message
      }
    }
    throw new FaultError('unavailable', `the config drive cannot be fetched from the cloud: ${why}`)
  }
}
