// Single byte ranges (RFC 9110 §14.1.2, §14.2). Several ranges, or other units, are treated as no Range at all, which
// §14.2 allows; boot firmware and image writers ask for one.

export type WantedRange =
  | { kind: 'whole' }
  | { kind: 'part'; start: number; endInclusive: number }
  | { kind: 'unsatisfiable' }

export function wantedRange(header: string | undefined, sizeBytes: number): WantedRange {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '')
  if (match === null) return { kind: 'whole' }
  const [, first = '', last = ''] = match
  if (first === '' && last === '') return { kind: 'whole' }
  if (first === '') {
    // The last N bytes; more than there are means all of them.
    const length = Math.min(Number(last), sizeBytes)
    if (length === 0) return { kind: 'unsatisfiable' }
    return { kind: 'part', start: sizeBytes - length, endInclusive: sizeBytes - 1 }
  }
  const start = Number(first)
  const end = last === '' ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1)
  if (last !== '' && Number(last) < start) return { kind: 'whole' }
  return start >= sizeBytes ? { kind: 'unsatisfiable' } : { kind: 'part', start, endInclusive: end }
}

/** RFC 9110 §13.1.5: the range counts only if the client's copy is of this very version. Dates are not used. */
export function ifRangeHolds(header: string | undefined, etag: string): boolean {
  return header === undefined || header.trim() === etag
}

/** RFC 9110 §13.1.2, weak comparison. */
export function ifNoneMatchHolds(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag)
}
