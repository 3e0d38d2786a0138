// Every message has a fixture that decodes for ever; hostile frames give a value, quickly, and never an exception.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import fixtures from './fixtures/protocol.json' with { type: 'json' }
import {
  decodeFromConductor,
  decodeToConductor,
  encode,
  FromConductor,
  MAX_FRAME_BYTES,
  ToConductor,
} from './protocol.ts'

test('every message type has a fixture, and each fixture decodes to itself', () => {
  const typesOf = (list: readonly { type: string }[]) => [...new Set(list.map((message) => message.type))].sort()
  expect(typesOf(fixtures.fromConductor)).toEqual(
    FromConductor.options
      .map((option) => option.shape.type.value as string)
      .filter(unique)
      .sort(),
  )
  expect(typesOf(fixtures.toConductor)).toEqual(
    ToConductor.options
      .map((option) => option.shape.type.value as string)
      .filter(unique)
      .sort(),
  )
  for (const message of fixtures.fromConductor)
    expect(decodeFromConductor(JSON.stringify(message))).toEqual({ kind: 'message', message })
  for (const message of fixtures.toConductor)
    expect(decodeToConductor(JSON.stringify(message))).toEqual({ kind: 'message', message })
})

test('unknown fields and types are ignored, malformed known messages are named', () => {
  expect(decodeFromConductor('{"type":"renew","rid":1,"newer":true}')).toEqual({
    kind: 'message',
    message: { type: 'renew', rid: 1 },
  })
  expect(decodeFromConductor('{"type":"teleport"}')).toEqual({ kind: 'unknown', type: 'teleport' })
  expect(decodeFromConductor('{"type":"renew","rid":-1}')).toMatchObject({
    kind: 'malformed',
    why: expect.stringContaining('renew: rid'),
  })
  for (const frame of [
    '',
    'null',
    '[]',
    '{}',
    '{"type":7}',
    '{"type":"renew"',
    `{"type":"renew","x":"${'x'.repeat(MAX_FRAME_BYTES)}"}`,
  ]) {
    expect(decodeToConductor(frame).kind).toBe('malformed')
  }
})

test('a frame is below 64 KiB of UTF-8, whoever reads or writes it', () => {
  const notes = (body: string) => ({
    type: 'notes' as const,
    dropped: 0,
    notes: [{ node: 'n', at: 1, stage: 's', body: { body } }],
  })
  const room = 65_535 - JSON.stringify(notes('')).length
  for (const text of ['x'.repeat(room), 'é'.repeat(Math.floor(room / 2)), '€'.repeat(Math.floor(room / 3))])
    expect(decodeFromConductor(encode(notes(text))).kind).toBe('message')
  for (const text of [
    'x'.repeat(room + 1),
    'é'.repeat(room / 2 + 1),
    '€'.repeat(room / 3 + 1),
    '😀'.repeat(room / 4 + 1),
  ]) {
    expect(() => encode(notes(text))).toThrow(/bytes/)
    expect(decodeFromConductor(JSON.stringify(notes(text)))).toMatchObject({
      kind: 'malformed',
      why: expect.stringContaining('bytes'),
    })
  }
})

test('any frame decodes to a value', () => {
  const frames = [...fixtures.fromConductor, ...fixtures.toConductor].map((message) => JSON.stringify(message))
  const mutated = fc
    .tuple(fc.constantFrom(...frames), fc.nat(), fc.string({ maxLength: 8 }))
    .map(([frame, at, noise]) => {
      const i = at % frame.length
      return frame.slice(0, i) + noise + frame.slice(i + noise.length)
    })
  fc.assert(
    fc.property(fc.oneof(mutated, fc.json(), fc.string()), (frame) => {
      for (const decode of [decodeFromConductor, decodeToConductor]) {
        const decoded = decode(frame)
        if (decoded.kind === 'message') expect(JSON.parse(encode(decoded.message))).toBeTypeOf('object')
      }
    }),
    { numRuns: 3000 },
  )
})

function unique(value: string, index: number, all: string[]): boolean {
  return all.indexOf(value) === index
}
