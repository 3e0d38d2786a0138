// Full sensor records: what a raw reading means by their formula (IPMI 2.0 §36.3), and what is none.
import { expect, test } from 'vitest'
import { CodecError } from './cursor.ts'
import { decodeSensorRecord } from './sensor-record.ts'

/** A record with these bytes of its body in place of those of a plain temperature. */
function record(changes: Record<number, number> = {}, { type = 1, name = 'Temp' } = {}): Uint8Array {
  const bytes = Buffer.alloc(48 + name.length)
  bytes.set([1, 0, 0x51, type, bytes.length - 5, 0x20, 0, 0x30, 3, 0x81, 0x7f, 0x68, 0x01, 0x01])
  bytes.set([0, 1, 0, 0, 1], 20)
  bytes[47] = 0xc0 | name.length
  bytes.write(name, 48)
  for (const [at, value] of Object.entries(changes)) bytes[Number(at)] = value
  return bytes
}
const value = (changes: Record<number, number>, raw: number) => decodeSensorRecord(record(changes))?.value(raw)

test('number, name, entity, type and unit are those of the record', () => {
  expect(decodeSensorRecord(record())).toMatchObject({
    number: 0x30,
    name: 'Temp',
    entity: '3.1',
    type: 1,
    unit: 1,
    tolerance: 0,
  })
})

test.each([
  ['plain', {}, 0x80, 128],
  ["one's complement", { 20: 0x40 }, 0xfe, -1],
  ["two's complement", { 20: 0x80 }, 0xfe, -2],
  ['M of ten bits', { 24: 0x2c, 25: 0x40 }, 2, 600],
  ['a negative M', { 24: 0xff, 25: 0xc0 }, 7, -7],
  ['B with its exponent', { 26: 5, 29: 0x02 }, 1, 501],
  ['a negative B', { 26: 0xfb, 27: 0xc0, 29: 0x01 }, 60, 10],
  ['an exponent of the result', { 29: 0xe0 }, 250, 2.5],
  ['a logarithm', { 23: 2 }, 100, 2],
  ['an inverse', { 23: 7 }, 4, 0.25],
  ['a square', { 23: 8 }, 12, 144],
  ['a formula of its own', { 23: 0x70 }, 1, undefined],
])('%s', (_, changes, raw, expected) => {
  expect(value(changes, raw)).toBe(expected)
})

test('the tolerance is in half counts, and in the unit of the reading', () => {
  expect(decodeSensorRecord(record({ 24: 6, 25: 0x03, 29: 0xe0 }))?.tolerance).toBeCloseTo(0.09)
})

test('records of something else, and sensors without numbers, are none', () => {
  expect(decodeSensorRecord(record({}, { type: 2 }))).toBeUndefined()
  expect(decodeSensorRecord(record({ 13: 0x6f }))).toBeUndefined()
  expect(decodeSensorRecord(record({ 20: 0xc0 }))).toBeUndefined()
})

test('a record that is cut, or has no name, is a CodecError', () => {
  const whole = record()
  for (let length = 0; length < 48; length++)
    expect(() => decodeSensorRecord(whole.subarray(0, length))).toThrow(CodecError)
  expect(() => decodeSensorRecord(record({}, { name: '' }))).toThrow(/no name/)
})
