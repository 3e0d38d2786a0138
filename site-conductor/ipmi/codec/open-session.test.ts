import { expect, test } from 'vitest'
import { CodecError } from './cursor.ts'
import * as codec from './open-session.ts'
import { suites } from './suites.ts'

const { authentication, integrity, confidentiality } = suites[17]
const request = { tag: 7, privilege: 4, consoleId: 0xa0a1a2a3, authentication, integrity, confidentiality }
const response = { ...request, status: 0, managedId: 0x01020304 }

test('request round trip', () => {
  const bytes = codec.encodeOpenSessionRequest(request)
  expect(bytes.toString('hex')).toBe('07040000a3a2a1a0000000080300000001000008040000000200000801000000')
  expect(codec.decodeOpenSessionRequest(bytes)).toEqual(request)
})

test('response round trip', () => {
  expect(codec.decodeOpenSessionResponse(codec.encodeOpenSessionResponse(response))).toEqual(response)
})

test('an error needs no more than tag and status', () => {
  const whole = codec.encodeOpenSessionResponse({ ...response, status: 0x11 })
  expect(codec.decodeOpenSessionResponse(whole)).toMatchObject({ tag: 7, status: 0x11, consoleId: 0xa0a1a2a3 })
  expect(codec.decodeOpenSessionResponse(whole.subarray(0, 2))).toMatchObject({ tag: 7, status: 0x11, consoleId: 0 })
})

test('every cut is a CodecError', () => {
  const [asked, answered] = [codec.encodeOpenSessionRequest(request), codec.encodeOpenSessionResponse(response)]
  for (let length = 0; length < asked.length; length++)
    expect(() => codec.decodeOpenSessionRequest(asked.subarray(0, length))).toThrow(CodecError)
  for (let length = 0; length < answered.length; length++)
    expect(() => codec.decodeOpenSessionResponse(answered.subarray(0, length))).toThrow(CodecError)
})

test('algorithms in the wrong order are refused', () => {
  const bytes = codec.encodeOpenSessionRequest(request)
  bytes[8] = 1
  expect(() => codec.decodeOpenSessionRequest(bytes)).toThrow('algorithm payload type is 0x1')
})
