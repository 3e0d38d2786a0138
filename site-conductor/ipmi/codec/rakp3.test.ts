import { expect, test } from 'vitest'
import { CodecError } from './cursor.ts'
import { decodeRakp3, encodeRakp3 } from './rakp3.ts'

const message = { tag: 3, status: 0, managedId: 0x01020304, authCode: Buffer.alloc(20, 9) }

test('round trip', () => {
  expect(decodeRakp3(encodeRakp3(message))).toEqual(message)
})

test('a cut message is a CodecError', () => {
  const bytes = encodeRakp3(message)
  for (let length = 0; length < 8; length++) expect(() => decodeRakp3(bytes.subarray(0, length))).toThrow(CodecError)
})

test('after an error only the status counts', () => {
  const bytes = encodeRakp3({ ...message, status: 0x0d })
  expect(bytes).toHaveLength(8)
  expect(decodeRakp3(bytes)).toMatchObject({ tag: 3, status: 0x0d })
})
