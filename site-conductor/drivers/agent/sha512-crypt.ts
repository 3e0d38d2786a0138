// SHA-512 crypt, the `$6$` of crypt(3) and /etc/shadow (U. Drepper, "Unix crypt using SHA-256 and SHA-512", version 0.6; step numbers are the document's).
import { createHash } from 'node:crypto'

const ROUNDS = 5000
const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const BLOCK_BYTES = 64
/** Step 22: the last byte stands alone, the other 63 are taken in threes, of which each goes round by one. */
const TRIPLES = Array.from({ length: 21 }, (_, i) => {
  const [a, b, c] = [i, i + 21, i + 42]
  return (
    [
      [a, b, c],
      [b, c, a],
      [c, a, b],
    ] as const
  )[i % 3]!
})

/** `salt`: of what crypt's alphabet has; it is cut to 16 characters. */
export function sha512Crypt(password: string, salt: string): string {
  const [key, seasoning] = [Buffer.from(password), Buffer.from(salt.slice(0, 16))]
  // 4-8
  const alternate = digest(key, seasoning, key)
  // 1-3, 9-12
  const bits: Buffer[] = []
  for (let left = key.length; left > 0; left >>= 1) bits.push(left & 1 ? alternate : key)
  let result = digest(key, seasoning, repeated(alternate, key.length), ...bits)
  // 13-20
  const keys = repeated(digest(...Array.from({ length: key.length }, () => key)), key.length)
  const salts = repeated(digest(...Array.from({ length: 16 + result[0]! }, () => seasoning)), seasoning.length)
  // 21
  for (let round = 0; round < ROUNDS; round++) {
    const isOdd = round % 2 === 1
    const middle = [...(round % 3 ? [salts] : []), ...(round % 7 ? [keys] : [])]
    result = isOdd ? digest(keys, ...middle, result) : digest(result, ...middle, keys)
  }
  const text = TRIPLES.map(([a, b, c]) => base64((result[a]! << 16) | (result[b]! << 8) | result[c]!, 4)).join('')
  return `$6$${seasoning.toString()}$${text}${base64(result[63]!, 2)}`
}

/** The salt of that many random bytes' worth. */
export function cryptSalt(random: Uint8Array): string {
  return [...random].map((byte) => ALPHABET[byte & 63]).join('')
}

function digest(...parts: readonly Buffer[]): Buffer {
  const hash = createHash('sha512')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

function repeated(block: Buffer, bytes: number): Buffer {
  return Buffer.concat(Array.from({ length: Math.ceil(bytes / BLOCK_BYTES) }, () => block)).subarray(0, bytes)
}

/** The lowest six bits first. */
function base64(value: number, characters: number): string {
  return Array.from({ length: characters }, (_, i) => ALPHABET[(value >> (6 * i)) & 63]).join('')
}
