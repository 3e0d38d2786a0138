// ETag and If-Match (RFC 9110 §8.8.3, §13.1.1): a change goes through only if nobody else made one since the resource was read. What is
// compared is a stamp: a node's version, the time of the last change elsewhere. The one who writes compares, so nothing comes between.
import { FaultError } from '../../shared/faults.ts'
import type { Statement } from '../ports.ts'
import { marks } from '../schema/rows.ts'
import type { Call } from './call.ts'
import { invalid } from './query.ts'

/** Of a whole resource as this microversion shows it. */
export function etag(call: Call, stamp: string | number): { ETag: string } {
  return { ETag: `"${stamp}-1.${call.version}"` }
}

/** The stamps of which one must still be the resource's; undefined when anything will do. Throws 400. */
export function ifMatch(headers: Headers): readonly string[] | undefined {
  const text = headers.get('if-match')?.trim()
  if (text === undefined || text === '*') return undefined
  const tags = text.split(',').map((tag) => /^"([\w:.+-]{1,64})-1\.\d{1,3}"$/.exec(tag.trim()))
  if (tags.includes(null)) throw invalid('If-Match has what this server never gave as an ETag')
  return tags.map((match) => match![1]!)
}

/** Throws 412 unless `stamp` is one of `wanted`. */
export function checkMatch(wanted: readonly string[] | undefined, stamp: string | number): void {
  if (wanted !== undefined && !wanted.includes(String(stamp))) throw changed()
}

export function changed(): FaultError {
  return new FaultError('request.changed', 'The resource was changed since it was read.')
}

/** The end of a statement about one row that has an `updated_at`: it holds only for the stamps of the request, where it names some. */
export function onlyMatching(call: Call): Statement {
  const wanted = ifMatch(call.request.headers)
  if (wanted === undefined) return { sql: '', args: [] }
  return { sql: ` AND coalesce(updated_at, created_at) IN (${marks(wanted.length)})`, args: wanted }
}
