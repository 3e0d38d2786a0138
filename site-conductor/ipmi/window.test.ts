import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ReplayWindow } from './window.ts'

test('accepts each number once', () => {
  const window = new ReplayWindow()
  expect([1, 1, 3, 2, 2, 40, 9, 8, 40].map((sequence) => window.accept(sequence))).toEqual([
    true,
    false,
    true,
    true,
    false,
    true,
    true,
    false,
    false,
  ])
})

test('zero is no number of a session', () => {
  expect(new ReplayWindow().accept(0)).toBe(false)
})

test('agrees with a set of everything that was seen', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 120 }), { maxLength: 200 }), (sequences) => {
      const window = new ReplayWindow()
      const seen = new Set<number>()
      let highest = 0
      for (const sequence of sequences) {
        expect(window.accept(sequence)).toBe(!seen.has(sequence) && sequence > highest - 32)
        if (sequence > highest - 32) seen.add(sequence)
        highest = Math.max(highest, sequence)
      }
    }),
  )
})
