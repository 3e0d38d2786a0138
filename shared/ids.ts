// Identifiers and bearer tokens: UUIDv7 (RFC 9562 §5.7) for rows, and tokens with a checksum so that a typing error is told from a wrong token.
import type { Env } from './env.ts'

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** A UUIDv7: 48 bits of `env.now()`, then random. Sorts by time of making. */
export function uuidv7(env: Pick<Env, 'now' | 'random'>): string {
  const bytes = env.random(16)
  const ms = env.now()
  for (let i = 0; i < 6; i++) bytes[i] = Math.floor(ms / 2 ** (8 * (5 - i))) & 0xff
  bytes[6] = (bytes[6]! & 0x0f) | 0x70
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const digits = hex(bytes)
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-${digits.slice(12, 16)}-${digits.slice(16, 20)}-${digits.slice(20)}`
}

export const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
export function isUuid(text: string): boolean {
  return UUID_PATTERN.test(text)
}

/** frp_ a person's, frs_ a program's, fre_ an enrolment token. */
export type TokenPrefix = 'frp' | 'frs' | 'fre'

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** A new token: prefix, 30 random base62 characters, 6 base62 characters of the CRC-32 of those 30. */
export function newToken(prefix: TokenPrefix, env: Pick<Env, 'random'>): string {
  let body = ''
  while (body.length < 30) {
    for (const byte of env.random(48)) if (byte < 248 && body.length < 30) body += BASE62[byte % 62]
  }
  return `${prefix}_${body}${checksum(body)}`
}

/** Is this a well-formed token (right shape and checksum)? Says nothing about whether it is known. */
export function isToken(text: string, prefix?: TokenPrefix): boolean {
  const match = /^(fr[pse])_([0-9A-Za-z]{30})([0-9A-Za-z]{6})$/.exec(text)
  return match !== null && (prefix === undefined || match[1] === prefix) && checksum(match[2]!) === match[3]
}

/** What is stored of a token: lower-case hex of its SHA-256. */
export async function hashToken(token: string): Promise<string> {
  return hex(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(token))))
}

export function hex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX[byte]!
  return text
}

function checksum(text: string): string {
  let rest = crc32(new TextEncoder().encode(text))
  let out = ''
  for (let i = 0; i < 6; i++) {
    out = BASE62[rest % 62]! + out
    rest = Math.floor(rest / 62)
  }
  return out
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1
  return c
})

/** CRC-32 (IEEE 802.3), as an unsigned number. */
export function crc32(bytes: Uint8Array): number {
  let c = 0xffffffff
  for (const byte of bytes) c = CRC_TABLE[(c ^ byte) & 0xff]! ^ (c >>> 8)
  return (c ^ 0xffffffff) >>> 0
}

/** MAC address in lower case with colons; undefined when it is none. */
export function parseMac(text: string): string | undefined {
  const plain = text.trim().toLowerCase().replaceAll('-', ':')
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(plain) ? plain : undefined
}
