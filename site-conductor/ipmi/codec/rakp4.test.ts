import { expect, test } from 'vitest'
import { CodecError } from './cursor.ts'
import { decodeRakp4, encodeRakp4 } from './rakp4.ts'

const message = { tag: 4, status: 0, consoleId: 0x01020304, checkValue: Buffer.alloc(16, 10) }

test('round trip', () => {
  expect(decodeRakp4(encodeRakp4(message))).toEqual(message)
})

test('a cut message is a CodecError', () => {
  const bytes = encodeRakp4(message)
  for (let length = 0; length < 8; length++) expect(() => decodeRakp4(bytes.subarray(0, length))).toThrow(CodecError)
})

test('after an error only the status counts', () => {
  const bytes = encodeRakp4({ ...message, status: 0x0d })
  expect(bytes).toHaveLength(8)
  expect(decodeRakp4(bytes)).toMatchObject({ tag: 4, status: 0x0d })
})
