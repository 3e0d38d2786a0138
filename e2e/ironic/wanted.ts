// Where Ferrule answers otherwise than Ironic 21.4 and means to, one by one: which requests, which status or field, and why. Anything else
// that differs fails the test; so does an entry whose example shows no difference any more.
import type { Difference } from './compare.ts'
import { faultOf } from './compare.ts'
import type { Judged } from './episode.ts'
import type { Sent, Things } from './requests/sent.ts'

export interface Wanted {
  readonly name: string
  readonly why: string
  readonly method?: RegExp
  /** Of the path with its query. */
  readonly path: RegExp
  /** `status`, `location`, or the path of a field. */
  readonly at: RegExp
  /** Theirs and ours, where `at` is the status. */
  readonly status?: readonly [theirs: number, ours: number]
  /** What else tells these requests from others. */
  readonly when?: (judged: Judged, difference: Difference) => boolean
  /** What differs is no state that later requests would see. */
  readonly harmless?: true
  /** Requests of which the last one shows the difference, on nodes at rest in this state. */
  readonly example: (things: Things) => Sent[]
  readonly rest?: string
}

export function explained(judged: Judged, difference: Difference, all: readonly Wanted[]): Wanted | undefined {
  const { sent } = judged
  return all.find(
    (each) =>
      each.at.test(difference.at) &&
      (each.status === undefined || (each.status[0] === difference.theirs && each.status[1] === difference.ours)) &&
      (each.method?.test(sent.method) ?? true) &&
      each.path.test(sent.path) &&
      (each.when?.(judged, difference) ?? true),
  )
}

/** What the two said. */
export const theySaid = (words: RegExp) => ({ theirs }: Judged) => words.test(faultOf(theirs.body)) // prettier-ignore
export const weSaid =
  (words: RegExp) =>
  ({ ours }: Judged) =>
    words.test(faultOf(ours.body))
