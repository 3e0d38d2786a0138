// One GET from an address of one's own, as firmware fetches: a new connection, everything into memory, ended at once when the power goes.
import { get } from 'node:http'

const MAX_BYTES = 256 * 2 ** 20
const IDLE_MS = 30_000

export interface FetchOptions {
  /** To call from. */
  readonly address: string
  readonly signal: AbortSignal
  /** Default 256 MiB. */
  readonly maxBytes?: number
}

/** The body of a 200. Rejects with what went wrong, or with the signal's reason. */
export function fetchBytes(url: string, { address, signal, maxBytes = MAX_BYTES }: FetchOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(signal.aborted ? (signal.reason as Error) : error)
    const request = get(url, { localAddress: address, agent: false, signal, timeout: IDLE_MS }, (response) => {
      const parts: Buffer[] = []
      let bytes = 0
      response.on('data', (part: Buffer) => {
        bytes += part.length
        if (bytes > maxBytes) request.destroy(new Error(`more than ${maxBytes} bytes`))
        else parts.push(part)
      })
      response.on('error', fail)
      response.on('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(parts))
        else fail(new Error(`HTTP ${response.statusCode}`))
      })
    })
    request.on('timeout', () => request.destroy(new Error('no answer')))
    request.on('error', fail)
  })
}
