// Request bodies: size and depth are bounded before anything looks at them, then one schema per body says what may be in it.
import type { z } from 'zod'
import { FaultError } from '../../shared/faults.ts'

export const MAX_BODY_BYTES = 1024 * 1024
const MAX_DEPTH = 25

/** The body as its schema gives it. Throws request.invalid or request.too_large; an absent body is `{}`. */
export async function readBody<T>(request: Request, schema: z.ZodType<T>, maxBytes = MAX_BODY_BYTES): Promise<T> {
  const text = await readText(request, maxBytes)
  return check(schema, text === '' ? {} : parse(text))
}

/** `value` as `schema` gives it; the fault names the first field that is wrong. */
export function check<T>(schema: z.ZodType<T>, value: unknown, prefix = ''): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const field = [prefix, ...(issue?.path ?? [])].filter((part) => part !== '').join('.')
  throw new FaultError('request.invalid', field ? `${field}: ${issue?.message}` : (issue?.message ?? 'malformed body'))
}

function parse(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new FaultError('request.invalid', 'The body is not JSON.')
  }
  if (SUSPECT.test(text)) refuseUnkept(text)
  if (!within(value, MAX_DEPTH))
    throw new FaultError('request.invalid', `The body is nested deeper than ${MAX_DEPTH} levels.`)
  return value
}

/** Only a text with such may say what cannot be kept: a long number, a large exponent, the key __proto__, perhaps escaped, half a surrogate pair. */
const SUSPECT = /\d{16}|\d[eE]\+?\d{3}|__proto__|\\u00[5-7]|\\ud[89a-f]/i

/** Numbers are doubles (RFC 8259 §6), copies of objects lose that key, and UTF-8 has no surrogates: better refused than changed. */
function refuseUnkept(text: string): void {
  const look = (key: string, value: unknown, { source }: { source?: string }): unknown => {
    if (key === '__proto__') throw new FaultError('request.invalid', 'The key "__proto__" cannot be kept.')
    if (!key.isWellFormed()) throw new FaultError('request.invalid', 'A key with half a surrogate pair cannot be kept.')
    if (typeof value === 'string' && !value.isWellFormed())
      throw new FaultError('request.invalid', `${key}: half a surrogate pair is no character, and cannot be kept.`)
    if (typeof value === 'number' && source !== undefined && !isKept(value, source))
      throw new FaultError('request.invalid', `${key}: the number ${source.slice(0, 100)} cannot be kept as it is.`)
    return value
  }
  // The third argument (source text access) is not in TypeScript's library yet.
  JSON.parse(text, look as (key: string, value: unknown) => unknown)
}

/** A fraction is rounded everywhere; an integer has to read the same when it is written again. */
function isKept(value: number, source: string): boolean {
  return Number.isFinite(value) && (!/^-?\d{2,}$/.test(source) || String(value) === source)
}

/** The body as it came. Throws request.too_large. */
export async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  return new TextEncoder().encode(await readText(request, maxBytes))
}

async function readText(request: Request, maxBytes: number): Promise<string> {
  const decode = utf8Decoder()
  const tooLarge = () => new FaultError('request.too_large', `The body is larger than ${maxBytes} bytes.`)
  const length = request.headers.get('content-length')
  if (length !== null) {
    if (Number(length) > maxBytes) throw tooLarge()
    return decode(await request.arrayBuffer())
  }
  if (!request.body) return ''
  let size = 0
  let text = ''
  const reader = (request.body as ReadableStream<Uint8Array>).getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return text + decode()
    size += value.length
    if (size > maxBytes) {
      await reader.cancel()
      throw tooLarge()
    }
    text += decode(value, { stream: true })
  }
}

/** JSON is UTF-8 (RFC 8259 §8.1): what is not would be kept as other letters. */
function utf8Decoder(): TextDecoder['decode'] {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  return (...piece) => {
    try {
      return decoder.decode(...piece)
    } catch {
      throw new FaultError('request.invalid', 'The body is not UTF-8.')
    }
  }
}

function within(value: unknown, levels: number): boolean {
  if (value === null || typeof value !== 'object') return true
  return levels > 0 && Object.values(value).every((inner) => within(inner, levels - 1))
}
