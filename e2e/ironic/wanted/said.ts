// What tells one refusal from another: what the two servers said, what the request asks that its microversion does not have, and what the
// things are that it is about.
import { RESOURCES } from '../../../cloud/api/routes.ts'
import { faultOf, type Difference } from '../compare.ts'
import type { Judged, NodeShown, Pair } from '../episode.ts'
import type { Sent } from '../requests/sent.ts'
import { theySaid, weSaid } from '../wanted.ts'

/** Of nodes: the requests, and fields of one or of a list. */
export const NODES = /^(\/v1)?\/(nodes|chassis\/.*\/nodes)/
export const field = (...names: string[]): RegExp => new RegExp(`^(\\.nodes\\[\\])?\\.(${names.join('|')})$`)

/** They have nothing there, and we have something. */
export const onlyWeHave = (_: Judged, { theirs, ours }: Difference): boolean =>
  (theirs === null || theirs === 'missing') && ours !== null && ours !== 'missing'
export const onlyTheyHave = (judged: Judged, { at, theirs, ours }: Difference): boolean =>
  onlyWeHave(judged, { at, theirs: ours, ours: theirs })
export const weShowFewer = (_: Judged, { theirs, ours }: Difference): boolean => Number(ours) < Number(theirs)

type Told = (judged: Judged) => boolean

export const all =
  (...conditions: readonly Told[]): Told =>
  (judged) =>
    conditions.every((condition) => condition(judged))
export const any =
  (...conditions: readonly Told[]): Told =>
  (judged) =>
    conditions.some((condition) => condition(judged))

export const weDid: Told = ({ ours }) => ours.status < 300

/** What the path or the query names does not exist. */
const ABSENT =
  /^(Node history record|History entry|Node|Port|Portgroup|Chassis|Allocation|Volume connector|Volume target|Deploy template) (.+) could not be found/
const namesAbsent = (words: string, { path }: Sent): boolean => {
  const named = ABSENT.exec(words)?.[2]
  return named !== undefined && decodeURIComponent(path).includes(named)
}
export const theyMiss: Told = ({ theirs, sent }) => namesAbsent(faultOf(theirs.body), sent)
export const weMiss: Told = ({ ours, sent }) => namesAbsent(faultOf(ours.body), sent)

/** The body is wrong in itself, whatever there is. */
export const weDislikeBody = weSaid(
  /^(Operation \d+: |(\d+\.)?[a-z_]+(\.\w+)*: |Either port_uuid or portgroup_uuid may|"\w+" is not possible with the target |Driver \S+ has no \w+ interface |local_link_connection of a smart NIC needs )/, // prettier-ignore
)
/** The query is. */
export const weDislikeQuery = weSaid(/^(Invalid value for |The sort_key |Unknown query argument |Unknown fields: |Field "|Fields and detail exclude |Either detail |Expected a UUID |Provision state )/) // prettier-ignore
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
  return Array.isArray(body) ? operationsOf(body).map(({ root }) => root) : Object.keys((body ?? {}) as object)
}

export const setsNewer: Told = ({ sent }) => {
  const resource = resourceOf(sent)
  return resource !== undefined && namedIn(sent).some((name) => (resource.attributes[name]?.since ?? 1) > sent.version)
}

/** The attribute that our refusal is about. */
export const attributeSaid = ({ ours }: Judged): string =>
  /^(?:Operation \d+: "\/|The field )?(\w+)/.exec(faultOf(ours.body))?.[1] ?? ''

/** The operations of a patch; `root` is the attribute, and `isBelow` says that it is about a key of it. */
function operationsOf(body: unknown): { op: unknown; root: string; isBelow: boolean; value?: unknown }[] {
  if (!Array.isArray(body)) return []
  return (body as { op?: unknown; path?: unknown; value?: unknown }[]).map(({ op, path, value }) => {
    const [, root = '', ...below] = String(path).split('/')
    return { op, root, isBelow: below.length > 0, value }
  })
}

/** The patch removes one of these attributes. */
export const removes =
  (...names: readonly string[]): Told =>
  ({ sent }) =>
    operationsOf(sent.body).some(({ op, root, isBelow }) => op === 'remove' && !isBelow && names.includes(root))

/** The patch is about an attribute, but does not begin with it. */
export const hasLater =
  (name: string): Told =>
  ({ sent }) =>
    operationsOf(sent.body).findIndex(({ root }) => root === name) > 0

/** The patch takes an attribute as a whole, and then goes on below it. */
export const emptiesAndGoesOn: Told = ({ sent }) => {
  const operations = operationsOf(sent.body)
  return operations.some((one, i) => !one.isBelow && operations.slice(i + 1).some(({ root, isBelow }) => isBelow && root === one.root)) // prettier-ignore
}

/** The body, or an operation of it, gives an attribute this value. */
export const says = ({ body }: Sent, name: string, value: unknown): boolean =>
  Array.isArray(body)
    ? operationsOf(body).some((each) => each.root === name && !each.isBelow && each.value === value)
    : (body as Record<string, unknown>)[name] === value

/** The next page is of the path that was asked, with what both say of the place in it. */
export const keepsAll: (judged: Judged, difference: Difference) => boolean = ({ sent }, { theirs, ours }) => {
  if (typeof theirs !== 'string' || typeof ours !== 'string') return false
  const [a, b] = [theirs, ours].map((text) => new URL(text, 'http://x'))
  const kept = ['limit', 'marker', 'sort_key', 'sort_dir']
  const asked = sent.path.split('?')[0]!.replace(/\/$/, '')
  return b!.pathname === asked && kept.every((name) => a!.searchParams.get(name) === b!.searchParams.get(name))
}

/** Of the node that a refusal names, as each of the two shows it. */
export const ofNode =
  (is: (node: Pair<NodeShown>) => boolean): Told =>
  ({ theirs, ours, around }) => {
    const words = `${faultOf(theirs.body)} ${faultOf(ours.body)}`
    const named = around?.nodes.find((node) => words.includes(node.ours.uuid))
    return named !== undefined && is(named)
  }
/** Deploying switches our fake machine on, and upstream's stays as it was. */
export const isOnHereAlone = ({ theirs, ours }: Pair<NodeShown>): boolean =>
  theirs.power_state === 'power off' && ours.power_state === 'power on'
/** Ironic's states in which a node may be deleted. */
export const DELETABLE = ['manageable', 'enroll', 'adopt failed', 'available']

/** The patched thing is the same on both in these fields, although one did what the other refused. */
export const staysAsItIs =
  (names: RegExp): Told =>
  ({ around }) => {
    if (!around?.item) return false
    const { theirs, ours } = around.item
    const fields = Object.keys(theirs).filter((name) => names.test(name))
    return fields.length > 0 && fields.every((name) => JSON.stringify(theirs[name]) === JSON.stringify(ours[name]))
  }
