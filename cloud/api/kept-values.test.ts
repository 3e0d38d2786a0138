// What a body says is kept as it was said, or refused.
import { expect, it } from 'vitest'
import { z } from 'zod'
import { readBody } from './body.ts'

const read = (text: string) =>
  readBody(new Request('http://x/', { method: 'POST', body: text }), z.unknown()).catch((error: Error) => error.message)

it.each([
  ['{"n":123456789012345678901234567890}', 'n: the number 123456789012345678901234567890 cannot be kept as it is.'],
  ['{"a":[-9007199254740993]}', '0: the number -9007199254740993 cannot be kept as it is.'],
  ['{"a":9223372036854775808}', 'a: the number 9223372036854775808 cannot be kept as it is.'],
  ['{"a":1e999}', 'a: the number 1e999 cannot be kept as it is.'],
  ['{"a":12E+0400}', 'a: the number 12E+0400 cannot be kept as it is.'],
  ['{"extra":{"__proto__":{"a":1}}}', 'The key "__proto__" cannot be kept.'],
  ['{"extra":{"\\u005F_pr\\u006fto__":1}}', 'The key "__proto__" cannot be kept.'],
  ['{"a":9007199254740993', 'The body is not JSON.'],
  ['{"a":"\\ud800"}', 'a: half a surrogate pair is no character, and cannot be kept.'],
  ['{"\\uDFFF":1}', 'A key with half a surrogate pair cannot be kept.'],
])('%s is refused', async (text, message) => expect(await read(text)).toBe(message))

it.each([
  '{"n":9007199254740991,"big":9007199254740992,"f":0.1234567890123456789,"e":1e300}',
  '{"n":-9223372036854776000,"zero":-0}',
  '{"text":"123456789012345678901234567890 1e999 __proto__","\\u0070":1}',
  '{"text":"\\uD83D\\uDE00 ü €","\\ud83d\\ude00":"\\ufffd"}',
])('%s is taken', async (text) => expect(await read(text)).toEqual(JSON.parse(text)))

const broken = Uint8Array.of(0x22, 0x61, 0xff, 0x22)

it.each([
  ['at once', broken],
  ['in pieces, the last of which breaks off', [broken.subarray(0, 2), Uint8Array.of(0xe2, 0x82)]],
] as const)('bytes that are no UTF-8 are refused, %s', async (_, given) => {
  const body = given instanceof Uint8Array ? given : ReadableStream.from(given)
  const request = new Request('http://x/', { method: 'POST', body, duplex: 'half' } as RequestInit)
  if (given instanceof Uint8Array) request.headers.set('content-length', String(given.length))
  await expect(readBody(request, z.unknown())).rejects.toThrow('The body is not UTF-8.')
})

it('a letter whose bytes come in two pieces is whole, and a byte order mark is not part of the text', async () => {
  const bytes = new TextEncoder().encode('\ufeff{"price":"5 €"}')
  const body = ReadableStream.from([bytes.subarray(0, -3), bytes.subarray(-3)])
  const request = new Request('http://x/', { method: 'POST', body, duplex: 'half' } as RequestInit)
  expect(await readBody(request, z.unknown())).toEqual({ price: '5 €' })
})
