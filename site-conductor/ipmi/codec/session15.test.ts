import { expect, test } from 'vitest'
import { CodecError } from './cursor.ts'
import { afterRmcp } from './rmcp.ts'
import { decodeSession15, encodeSession15 } from './session15.ts'

test('round trip, with a legacy pad behind it', () => {
  const message = Uint8Array.of(1, 2, 3)
  const datagram = encodeSession15(message)
  expect(datagram.toString('hex')).toBe('0600ff0700000000000000000003010203')
  expect([...decodeSession15(Buffer.concat([afterRmcp(datagram), Buffer.of(0)]))]).toEqual([1, 2, 3])
})

test('refuses a signed packet, one of a session, and one that is cut', () => {
  const wrapper = afterRmcp(encodeSession15(Uint8Array.of(1, 2, 3)))
  const signed = Uint8Array.from(wrapper)
  signed[0] = 2
  const ofSession = Uint8Array.from(wrapper)
  ofSession[5] = 1
  for (const bytes of [signed, ofSession, wrapper.subarray(0, -1)])
    expect(() => decodeSession15(bytes)).toThrow(CodecError)
})
