import { describe, expect, it } from 'vitest'
import { ifNoneMatchHolds, ifRangeHolds, wantedRange } from './range.ts'

describe('Range', () => {
  it.each([
    ['bytes=0-0', 0, 0],
    ['bytes=0-99', 0, 99],
    ['bytes=10-', 10, 99],
    ['bytes=99-', 99, 99],
    ['bytes=-1', 99, 99],
    ['bytes=-500', 0, 99],
    ['bytes=50-5000', 50, 99],
  ])('%s of 100 bytes is %d to %d', (header, start, endInclusive) => {
    expect(wantedRange(header, 100)).toEqual({ kind: 'part', start, endInclusive })
  })

  it.each(['bytes=100-', 'bytes=100-200', 'bytes=-0'])('%s of 100 bytes cannot be satisfied', (header) => {
    expect(wantedRange(header, 100)).toEqual({ kind: 'unsatisfiable' })
  })

  it.each([undefined, '', 'bytes=', 'bytes=-', 'bytes=5-4', 'bytes=0-1,4-5', 'lines=0-1', 'bytes=a-b', 'bytes=0x1-2'])(
    '%s is as good as none',
    (header) => {
      expect(wantedRange(header, 100)).toEqual({ kind: 'whole' })
    },
  )

  it('of an empty file cannot be satisfied', () => {
    expect(wantedRange('bytes=0-', 0)).toEqual({ kind: 'unsatisfiable' })
  })
})

describe('conditional headers', () => {
  it('If-Range holds for this very version only', () => {
    expect(
      [undefined, '"a"', '"b"', 'W/"a"', 'Mon, 01 Jan 2024 00:00:00 GMT'].map((v) => ifRangeHolds(v, '"a"')),
    ).toEqual([true, true, false, false, false])
  })

  it('If-None-Match compares weakly', () => {
    expect([undefined, '"a"', '"b"', 'W/"a"', '"b", "a"', '*'].map((v) => ifNoneMatchHolds(v, '"a"'))).toEqual([
      false,
      true,
      false,
      true,
      true,
      true,
    ])
  })
})
