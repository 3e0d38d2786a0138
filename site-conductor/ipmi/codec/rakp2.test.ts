import { expect, test } from 'vitest'
import { CodecError } from './cursor.ts'
import { decodeRakp2, encodeRakp2 } from './rakp2.ts'

const message = {
  tag: 2,
  status: 0,
  consoleId: 0x01020304,
  managedRandom: Buffer.alloc(16, 6),
  guid: Buffer.alloc(16, 7),
  authCode: Buffer.alloc(32, 8),
}

test('round trip', () => {
  expect(decodeRakp2(encodeRakp2(message))).toEqual(message)
})

test('a cut message is a CodecError', () => {
  const bytes = encodeRakp2(message)
  for (let length = 0; length < 40; length++) expect(() => decodeRakp2(bytes.subarray(0, length))).toThrow(CodecError)
})

test('after an error only the status counts', () => {
  const bytes = encodeRakp2({ ...message, status: 0x0d })
  expect(bytes).toHaveLength(8)
  expect(decodeRakp2(bytes)).toMatchObject({ tag: 2, status: 0x0d })
})
