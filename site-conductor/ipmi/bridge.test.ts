// Envelopes byte by byte, and what is taken for an answer.
import { expect, test } from 'vitest'
import { type Bridge, envelope, opened } from './bridge.ts'
import { encodeRequest, encodeResponse } from './codec/message.ts'

const status = { netFn: 0x00, command: 0x01, sequence: 7, data: new Uint8Array(0) }
const bytes = (bridge: Bridge) => encodeRequest(envelope(status, bridge)).toString('hex')

const hex = (...parts: string[]) => parts.join('')

test.each([
  // Send Message to the BMC, in it the channel, and Get Chassis Status from 20h to 82h.
  ['one bus', { hops: [{ channel: 0, address: 0x82 }] }, hex('2018c8811c34', '40', '82007e201c01c3', 'ef')],
  [
    'one bus from another BMC',
    { hops: [{ channel: 0, address: 0x82 }], localAddress: 0x24 },
    hex('2018c8811c34', '40', '82007e241c01bf', 'ef'),
  ],
  // In it Send Message from 20h to 72h, in that Get Chassis Status from 72h to 84h.
  [
    'two buses',
    {
      hops: [
        { channel: 7, address: 0x72 },
        { channel: 6, address: 0x84 },
      ],
    },
    hex('2018c8811c34', '47', '721876201c34', '46', '84007c721c0171', '4a', 'e8'),
  ],
] as const)('over %s', (_, bridge, expected) => {
  expect(bytes(bridge)).toBe(expected)
})

const own = { netFn: 0x01, command: 0x01, sequence: 7, completionCode: 0, data: Uint8Array.of(0x21) }
const sent = (data: Uint8Array, completionCode = 0) => ({
  netFn: 0x07,
  command: 0x34,
  sequence: 7,
  completionCode,
  data,
})

test('an answer is found inside of answers to Send Message', () => {
  const inside = encodeResponse(own)
  expect(opened(own)).toEqual(own)
  expect(opened(sent(inside))).toEqual({ ...own, data: Buffer.from(own.data) })
  expect(opened(sent(encodeResponse(sent(inside))))).toEqual({ ...own, data: Buffer.from(own.data) })
  expect(opened(sent(new Uint8Array(0)))).toBeUndefined()
  expect(opened(sent(new Uint8Array(0), 0x83))).toMatchObject({ completionCode: 0x83, command: 0x34 })
})

test('what is cut, or answers another request, is no answer', () => {
  const inside = encodeResponse(own)
  for (let length = 1; length < inside.length; length++)
    expect(() => opened(sent(inside.subarray(0, length)))).toThrow(/IPMI message/)
  expect(() => opened(sent(encodeResponse({ ...own, sequence: 8 })))).toThrow(/another request/)
})
