// What tells one refusal from another: what the two servers said, and what the request asks that its microversion does not have.
import { RESOURCES } from '../../../cloud/api/routes.ts'
import { faultOf, type Difference } from '../compare.ts'
import type { Judged } from '../episode.ts'
import type { Sent } from '../requests/sent.ts'
import { theySaid, weSaid } from '../wanted.ts'

/** Of nodes: the requests, and fields of one or of a list. */
export const NODES = /^\/v1\/(nodes|chassis\/.*\/nodes)/
export const field = (...names: string[]): RegExp => new RegExp(`^(\\.nodes\\[\\])?\\.(${names.join('|')})$`)

/** They have nothing there, and we have something. */
export const onlyWeHave = (_: Judged, { theirs, ours }: Difference): boolean =>
  (theirs === null || theirs === 'missing') && ours !== null && ours !== 'missing'
export const onlyTheyHave = (judged: Judged, { at, theirs, ours }: Difference): boolean =>
  onlyWeHave(judged, { at, theirs: ours, ours: theirs })

type Told = (judged: Judged) => boolean

export const all =
  (...conditions: readonly Told[]): Told =>
  (judged) =>
    conditions.every((condition) => condition(judged))

/** What the path or the query names does not exist. */
const ABSENT =
  /^(Node history record|Node|Port|Portgroup|Chassis|Allocation|Volume connector|Volume target|Deploy template) (.+) could not be found/
const namesAbsent = (words: string, { path }: Sent): boolean => {
  const named = ABSENT.exec(words)?.[2]
  return named !== undefined && decodeURIComponent(path).includes(named)
}
export const theyMiss: Told = ({ theirs, sent }) => namesAbsent(faultOf(theirs.body), sent)
export const weMiss: Told = ({ ours, sent }) => namesAbsent(faultOf(ours.body), sent)

/** The body is wrong in itself, whatever there is. */
export const weDislikeBody = weSaid(
  /^(Operation \d+: |(\d+\.)?[a-z_]+(\.\w+)*: |Either port_uuid or portgroup_uuid may)/,
)
/** The query is. */
export const weDislikeQuery = weSaid(/^(Invalid value for |The sort_key |Unknown query argument |Field "|Fields and detail exclude |Either detail |Expected a UUID |Provision state )/) // prettier-ignore
export const theyDislikeQuery = theySaid(/^(Unexpected arguments|Expected (UUID|an integer|a MAC)|The sort_key |Invalid |Unrecognized |Can't fetch |Limit must|Field)/) // prettier-ignore

/** We say that something came with a version that is newer than the request's. */
export const weMissVersion: Told = ({ ours, sent }) =>
  Number(/ needs API version 1\.(\d+)/.exec(faultOf(ours.body))?.[1] ?? 0) > sent.version

const resourceOf = ({ path }: Sent) =>
  RESOURCES.filter((resource) => new RegExp(`^/v1/(nodes/[^/]+/|portgroups/[^/]+/)?${resource.path}\\b`).test(path))
    .toSorted((a, b) => a.path.length - b.path.length)
    .at(-1)

/** The resource itself is newer than the request. */
export const isOfLater: Told = ({ sent }) => (resourceOf(sent)?.since ?? 1) > sent.version

/** Some filter, or the argument fields or detail, is newer than the request. */
export const asksNewer: Told = ({ sent }) => {
  const resource = resourceOf(sent)
  if (!resource) return false
  const since = { fields: resource.fieldsSince, detail: resource.detailSince }
  const names = [...new URLSearchParams(sent.path.split('?')[1] ?? '').keys()]
  return names.some((name) => (resource.filters[name]?.since ?? since[name as 'fields'] ?? 1) > sent.version)
}

/** The attributes that a creation or a patch names. */
export function namedIn({ body }: Sent): string[] {
  if (!Array.isArray(body)) return Object.keys((body ?? {}) as object)
  return (body as { path?: unknown }[]).map(({ path }) => String(path).split('/')[1] ?? '')
}

export const setsNewer: Told = ({ sent }) => {
  const resource = resourceOf(sent)
  return resource !== undefined && namedIn(sent).some((name) => (resource.attributes[name]?.since ?? 1) > sent.version)
}

/** The attribute that our refusal is about. */
export const attributeSaid = ({ ours }: Judged): string =>
  /^(?:Operation \d+: "\/|The field )?(\w+)/.exec(faultOf(ours.body))?.[1] ?? ''
