// What a conductor says of its drivers, as it is in a hello: the same steps and fields come again for each driver, and as they are they do not fit into a frame.
// The length of the JSON in four bytes, then the JSON deflated (RFC 1951), in base64url.
import { deflateSync, inflateSync } from 'fflate'
import { fromBase64Url, toBase64Url } from './sealing.ts'

/** Unpacked: more than a conductor with forty drivers has to say. */
const MAX_BYTES = 1024 * 1024

export function packed(facts: unknown): string {
  const json = new TextEncoder().encode(JSON.stringify(facts))
  const deflated = deflateSync(json)
  const bytes = new Uint8Array(4 + deflated.length)
  new DataView(bytes.buffer).setUint32(0, json.length)
  bytes.set(deflated, 4)
  return toBase64Url(bytes)
}

/** Throws on what was not packed, or comes to too much. */
export function unpacked(text: string): unknown {
  const bytes = fromBase64Url(text)
  const length = new DataView(bytes.buffer).getUint32(0)
  // What does not fit into its place is cut off, and then no JSON.
  const out = new Uint8Array(Math.min(length, MAX_BYTES))
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(inflateSync(bytes.subarray(4), { out })))
}
