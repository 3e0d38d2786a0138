// Where Ferrule answers otherwise than Ironic 21.4 and means to, one by one: which requests, both answers, on what condition, and why. Anything
// else that differs fails the test; so does an entry whose example shows no difference any more.
import type { Difference } from './compare.ts'
import { faultOf } from './compare.ts'
import type { Judged } from './episode.ts'
import type { Sent, Things } from './requests/sent.ts'

interface Named {
  readonly name: string
  readonly why: string
  readonly method: RegExp
  /** Of the path with its query. */
  readonly path: RegExp
  /** What tells these requests from others. */
  readonly when: (judged: Judged, difference: Difference) => boolean
  /** What differs is no state that later requests would see. */
  readonly harmless?: true
  /** Requests of which the last one shows the difference, on nodes at rest in this state. */
  readonly example: (things: Things) => Sent[]
  readonly rest?: string
}
type Status = number | readonly number[]

/** Two statuses. */
export interface OtherStatus extends Named {
  readonly status: readonly [theirs: Status, ours: Status]
}
/** Two answers of the same status, which differ in `location` or in a field: its path, such as `.nodes[].name`. */
export interface OtherField extends Named {
  readonly at: RegExp
}
export type Wanted = OtherStatus | OtherField

const isOne = (all: Status, status: unknown): boolean => [all].flat().some((each) => each === status)
const isAbout = (wanted: Wanted, { at, theirs, ours }: Difference): boolean =>
  'status' in wanted
    ? at === 'status' && isOne(wanted.status[0], theirs) && isOne(wanted.status[1], ours)
    : at !== 'status' && wanted.at.test(at)

export function explained(judged: Judged, difference: Difference, all: readonly Wanted[]): Wanted | undefined {
  const { method, path } = judged.sent
  return all.find(
    (each) =>
      isAbout(each, difference) && each.method.test(method) && each.path.test(path) && each.when(judged, difference),
  )
}

/** What the two said. */
export const theySaid =
  (words: RegExp) =>
  ({ theirs }: Judged) =>
    words.test(faultOf(theirs.body))
export const weSaid =
  (words: RegExp) =>
  ({ ours }: Judged) =>
    words.test(faultOf(ours.body))
