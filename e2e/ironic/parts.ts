// A request with several faults, which each server refuses for another one: shown with requests that have less in them, so that nobody needs to
// write down which fault of which pair comes first on which of the two.
import { faultOf } from './compare.ts'
import type { Judged } from './episode.ts'
import type { Sent } from './requests/sent.ts'

/** The request with one thing left out, and each operation of a patch by itself. */
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
    const alone = body.map((each: unknown) => [each])
    return body.length === 2 ? alone : [...alone, ...body.map((_, i) => body.toSpliced(i, 1))]
  }
  if (typeof body !== 'object' || body === null) return []
  return Object.keys(body).map((name) => Object.fromEntries(Object.entries(body).filter(([key]) => key !== name)))
}

export interface Parts {
  /** What Ironic said it says of a part, and what Ferrule said of a part, and of both parts it is known what the two answer. */
  readonly areTwo: boolean
  /** Something was carried out on the way. */
  readonly isChanged: boolean
}

/** `judge` sends to both; `isKnown` says whether all that differs there is wanted. */
export async function twoFaults(
  { sent, theirs, ours }: Judged,
  judge: (sent: Sent) => Promise<Judged>,
  isKnown: (judged: Judged) => boolean,
): Promise<Parts> {
  let [isChanged, isTheirs, isOurs] = [false, false, false]
  if (theirs.status < 400 || ours.status < 400) return { areTwo: false, isChanged }
  for (const part of partsOf(sent)) {
    const judged = await judge(part)
    isChanged ||= part.method !== 'GET' && Math.min(judged.theirs.status, judged.ours.status) < 400
    if (!isKnown(judged)) continue
    isTheirs ||= isSame(judged.theirs, theirs)
    isOurs ||= isSame(judged.ours, ours)
    if (isTheirs && isOurs) break
  }
  return { areTwo: isTheirs && isOurs, isChanged }
}

type Answer = Judged['ours']
/** The same refusal, whatever place an operation has. */
const isSame = (a: Answer, b: Answer): boolean => a.status === b.status && wordsOf(a) === wordsOf(b)
const wordsOf = ({ body }: Answer): string => faultOf(body).replace(/^Operation \d+/, '')
