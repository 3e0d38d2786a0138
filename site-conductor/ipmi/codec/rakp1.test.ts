import { expect, test } from 'vitest'
import { CodecError } from './cursor.ts'
import { decodeRakp1, encodeRakp1 } from './rakp1.ts'

const message = {
  tag: 1,
  managedId: 0x01020304,
  consoleRandom: Buffer.alloc(16, 5),
  role: 0x14,
  username: Buffer.from('admin'),
}

test('round trip', () => {
  expect(decodeRakp1(encodeRakp1(message))).toEqual(message)
})

test('a cut message is a CodecError', () => {
  const bytes = encodeRakp1(message)
  for (let length = 0; length < bytes.length; length++)
    expect(() => decodeRakp1(bytes.subarray(0, length))).toThrow(CodecError)
})

test('a name longer than 16 bytes is refused', () => {
  const bytes = Buffer.concat([encodeRakp1(message), Buffer.alloc(20)])
  bytes[27] = 17
  expect(() => decodeRakp1(bytes)).toThrow('user name of 17 bytes')
})
