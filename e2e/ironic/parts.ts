// A request with several faults, which each server refuses for another one: shown with requests that have less in them, so that nobody needs to
// write down which fault of which pair comes first on which of the two.
import { faultOf } from './compare.ts'
import type { Judged } from './episode.ts'
import type { Sent } from './requests/sent.ts'

/** The request with one thing left out; then each operation of a patch by itself, which is more likely to be carried out. */
export function partsOf(sent: Sent): Sent[] {
  const [path = '', query] = sent.path.split('?')
  const args = query === undefined ? [] : query.split('&')
  const fewer = args.map((_, i) => args.toSpliced(i, 1))
  const queries = fewer.map((left) => ({ ...sent, path: left.length === 0 ? path : `${path}?${left.join('&')}` }))
  return [...queries, ...lessOf(sent.body).map((body) => ({ ...sent, body }))]
}

function lessOf(body: unknown): unknown[] {
  if (Array.isArray(body)) {
    if (body.length < 2) return []
    const fewer = body.map((_, i) => body.toSpliced(i, 1))
    return body.length === 2 ? fewer : [...fewer, ...body.map((each: unknown) => [each])]
  }
  if (typeof body !== 'object' || body === null) return []
  return Object.keys(body).map((name) => Object.fromEntries(Object.entries(body).filter(([key]) => key !== name)))
}

export interface Parts {
  /** What Ironic said it says of a part, and what Ferrule said of a part, and of both parts it is known what the two answer. */
  readonly areTwo: boolean
  /** A part was carried out: from there on nothing is shown about the request. */
  readonly isChanged: boolean
}

/** Of two refusals with another status each. `judge` sends to both; `isKnown` says whether all that differs there is wanted. */
export async function twoFaults(
  { sent, theirs, ours, found }: Judged,
  judge: (sent: Sent) => Promise<Judged>,
  isKnown: (judged: Judged) => boolean,
): Promise<Parts> {
  let [isTheirs, isOurs] = [false, false]
  const isAboutStatus = found.every(({ at }) => at === 'status')
  if (theirs.status < 400 || ours.status < 400 || !isAboutStatus) return { areTwo: false, isChanged: false }
  for (const part of partsOf(sent)) {
    const judged = await judge(part)
    if (part.method !== 'GET' && Math.min(judged.theirs.status, judged.ours.status) < 400)
      return { areTwo: false, isChanged: true }
    if (!isKnown(judged)) continue
    isTheirs ||= isSame(judged.theirs, theirs)
    isOurs ||= isSame(judged.ours, ours)
    if (isTheirs && isOurs) return { areTwo: true, isChanged: false }
  }
  return { areTwo: false, isChanged: false }
}

type Answer = Judged['ours']
/** The same refusal, whatever place an operation has. */
const isSame = (a: Answer, b: Answer): boolean => a.status === b.status && wordsOf(a) === wordsOf(b)
const wordsOf = ({ body }: Answer): string => faultOf(body).replace(/^Operation \d+/, '')
