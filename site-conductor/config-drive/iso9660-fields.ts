// Field encodings of ECMA-119 that every structure of a volume shares.

export const SECTOR = 2048

/** A name, label or size that the volume cannot carry. */
export class IsoError extends Error {}

/** The parts one after the other, zeros up to `length`. */
export function padded(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** ECMA-119 §7.2.3: a 16-bit number in both byte orders. */
export function bothEndian16(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, value, true)
  view.setUint16(2, value, false)
  return bytes
}

/** ECMA-119 §7.3.3: a 32-bit number in both byte orders. */
export function bothEndian32(value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, value, true)
  view.setUint32(4, value, false)
  return bytes
}

/** ECMA-119 §9.1.5: seven bytes, UTC. */
export function shortDate(time: Date): Uint8Array {
  const date = [time.getUTCFullYear() - 1900, time.getUTCMonth() + 1, time.getUTCDate()]
  return Uint8Array.of(...date, time.getUTCHours(), time.getUTCMinutes(), time.getUTCSeconds(), 0)
}

/** ECMA-119 §8.4.26.1: "YYYYMMDDHHMMSScc" and the offset from UTC, which is zero. */
export function longDate(time: Date): Uint8Array {
  const digits = time.toISOString().replaceAll(/\D/g, '').slice(0, 16)
  return Uint8Array.of(...new TextEncoder().encode(digits), 0)
}
