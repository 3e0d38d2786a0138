import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CodecError } from './cursor.ts'
import { sessionKeys } from './keys.ts'
import { afterRmcp } from './rmcp.ts'
import { decodeSession20, encodePlain20, encodeSealed20, payloadType, unseal20 } from './session20.ts'
import { suites } from './suites.ts'

const bothKeys = Object.values(suites).map((suite) => sessionKeys(suite, Buffer.alloc(suite.hashBytes, 3)))
const iv = Buffer.alloc(16, 0xa5)
const frame = { payloadType: payloadType.ipmi, sessionId: 0x01020304, sequence: 9, payload: Buffer.from('whatever') }

test('a plain packet round trips', () => {
  const wrapper = afterRmcp(encodePlain20(payloadType.rakp1, Uint8Array.of(1, 2)))
  const { payload, ...head } = decodeSession20(wrapper)
  expect(head).toEqual({ payloadType: 0x12, encrypted: false, signed: false, sessionId: 0, sequence: 0 })
  expect([...payload]).toEqual([1, 2])
})

test.each(bothKeys)('a sealed packet round trips, whatever its length: suite $suite.id', (keys) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (payload) => {
      const datagram = encodeSealed20({ ...frame, payload }, keys, iv)
      const wrapper = afterRmcp(datagram)
      // Table 13-8: the signed range is a multiple of four bytes.
      expect((wrapper.length - keys.suite.checkBytes) % 4).toBe(0)
      const decoded = decodeSession20(wrapper)
      expect(decoded).toMatchObject({ sessionId: 0x01020304, sequence: 9, encrypted: true, signed: true })
      expect(Buffer.from(unseal20(wrapper, decoded, keys))).toEqual(Buffer.from(payload))
    }),
  )
})

test.each(bothKeys)('any changed bit of a sealed packet is refused: suite $suite.id', (keys) => {
  const wrapper = afterRmcp(encodeSealed20(frame, keys, iv))
  for (let bit = 0; bit < wrapper.length * 8; bit++) {
    const changed = Buffer.from(wrapper)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(() => unseal20(changed, decodeSession20(changed), keys), `bit ${bit}`).toThrow(CodecError)
  }
})

test('with keys, a plain packet is refused', () => {
  const wrapper = afterRmcp(encodePlain20(payloadType.ipmi, Buffer.alloc(64)))
  for (const keys of bothKeys)
    expect(() => unseal20(wrapper, decodeSession20(wrapper), keys)).toThrow('not signed and encrypted')
})
