import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CodecError } from './cursor.ts'
import { decodeSol, encodeSol, nextSequence, solOperation } from './sol.ts'

const nibble = fc.integer({ min: 0, max: 15 })
const byte = fc.integer({ min: 0, max: 255 })

test('packets round trip', () => {
  const packet = fc.record({
    sequence: nibble,
    acknowledges: nibble,
    accepted: byte,
    flags: byte,
    data: fc.uint8Array({ maxLength: 255 }),
  })
  fc.assert(
    fc.property(packet, (one) => {
      expect(decodeSol(encodeSol(one))).toEqual({ ...one, data: Buffer.from(one.data) })
    }),
  )
})

test('a break is a packet of its own number without characters (Table 15-2)', () => {
  const data = new Uint8Array(0)
  const packet = encodeSol({ sequence: 3, acknowledges: 0, accepted: 0, flags: solOperation.break, data })
  expect(packet.toString('hex')).toBe('03000010')
})

test('less than a header is no packet', () => {
  for (let length = 0; length < 4; length++) expect(() => decodeSol(new Uint8Array(length))).toThrow(CodecError)
})

test('numbers go from 1 to 15 and begin again; 0 is none', () => {
  const all = Array.from({ length: 30 }).reduce<number[]>((seen) => [...seen, nextSequence(seen.at(-1) ?? 0)], [])
  expect(all.slice(0, 16)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 1])
  expect(all).not.toContain(0)
})
