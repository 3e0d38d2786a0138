import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CodecError } from './cursor.ts'
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from './message.ts'

const parts = {
  netFn: fc.integer({ min: 0, max: 31 }).map((half) => half * 2),
  command: fc.integer({ min: 0, max: 255 }),
  sequence: fc.integer({ min: 0, max: 63 }),
  data: fc.uint8Array({ maxLength: 80 }),
}

test('Get Channel Authentication Capabilities, byte for byte as ipmitool sends it', () => {
  const request = { netFn: 6, command: 0x38, sequence: 0, data: Uint8Array.of(0x8e, 4) }
  expect(encodeRequest(request).toString('hex')).toBe('2018c88100388e04b5')
})

test('requests and responses round trip', () => {
  fc.assert(
    fc.property(fc.record(parts), fc.integer({ min: 0, max: 255 }), (request, completionCode) => {
      expect(decodeRequest(encodeRequest(request))).toEqual({ ...request, data: Buffer.from(request.data) })
      const response = { ...request, netFn: request.netFn + 1, completionCode }
      expect(decodeResponse(encodeResponse(response))).toEqual({ ...response, data: Buffer.from(request.data) })
    }),
  )
})

test('any single changed byte is noticed', () => {
  const message = encodeResponse({ netFn: 1, command: 1, sequence: 5, completionCode: 0, data: Uint8Array.of(1, 2, 3) })
  for (let at = 0; at < message.length; at++) {
    const changed = Buffer.from(message)
    changed[at] = (changed[at] ?? 0) ^ 0x10
    expect(() => decodeResponse(changed)).toThrow(CodecError)
  }
  for (let length = 0; length < 8; length++)
    expect(() => decodeResponse(message.subarray(0, length))).toThrow(CodecError)
})
