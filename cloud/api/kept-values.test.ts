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
])('%s is refused', async (text, message) => expect(await read(text)).toBe(message))

it.each([
  '{"n":9007199254740991,"big":9007199254740992,"f":0.1234567890123456789,"e":1e300}',
  '{"n":-9223372036854776000,"zero":-0}',
  '{"text":"123456789012345678901234567890 1e999 __proto__","\\u0070":1}',
])('%s is taken', async (text) => expect(await read(text)).toEqual(JSON.parse(text)))
