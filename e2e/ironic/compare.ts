// Two answers to one request, and where they differ: status, keys, values. Times, host names and texts for people are compared by whether
// there is one; what a driver keeps for itself is not looked into.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sent } from './requests/sent.ts'

export interface Seen {
  readonly status: number
  readonly body: unknown
  /** Location without the server's address. */
  readonly location: string | null
  /** The microversion that it is told to be of. */
  readonly version: string | null
  /** The media type of the body; null: there is none. */
  readonly type: string | null
}

export interface Difference {
  /** `status`, `location`, `version`, `type`, `fault`, or the path of a field such as `.nodes[].name`. */
  readonly at: string
  readonly theirs: unknown
  readonly ours: unknown
}

const BUSY_TRIES = 20

/** A node whose lock is held by what was asked before is asked for again, as clients do; how long a server tries by itself is its own affair. */
export const askFerrule = (url: string, sent: Sent): Promise<Seen> => askPatiently(url, sent, /is locked by host/)
/** Ironic's SQLite may be busy with another of its processes, too, and then nothing was done. Ours has no such excuse. */
export const askIronic = (url: string, sent: Sent): Promise<Seen> =>
  askPatiently(url, sent, /database is locked|is locked by host/)

async function askPatiently(url: string, sent: Sent, busy: RegExp): Promise<Seen> {
  for (let attempt = 1; ; attempt++) {
    const seen = await ask(url, sent)
    if (attempt === BUSY_TRIES || !busy.test(faultOf(seen.body))) return seen
    await sleep(100)
  }
}

const VERSION = 'X-OpenStack-Ironic-API-Version'

async function ask(url: string, { method, path, body, raw, version, header }: Sent): Promise<Seen> {
  const headers = { [VERSION]: header ?? `1.${version}`, 'Content-Type': 'application/json' }
  const text = raw ?? (body === undefined ? undefined : JSON.stringify(body))
  const response = await fetch(`${url}${path}`, { method, headers, ...(text === undefined ? {} : { body: text }) })
  const answer = (await response.text()).replaceAll(url, '')
  let parsed: unknown
  try {
    parsed = answer === '' ? undefined : JSON.parse(answer)
  } catch {
    parsed = `no JSON: ${answer.slice(0, 100)}`
  }
  const location = response.headers.get('location')?.replace(url, '') ?? null
  const type = answer === '' ? null : (response.headers.get('content-type')?.split(';')[0] ?? null)
  return { status: response.status, body: parsed, location, version: response.headers.get(VERSION), type }
}

export function differences(theirs: Seen, ours: Seen): Difference[] {
  if (theirs.status !== ours.status) return [{ at: 'status', theirs: theirs.status, ours: ours.status }]
  // Where its routing fails, upstream says no version.
  const heads = (['location', 'version', 'type'] as const).flatMap((head) =>
    theirs[head] === ours[head] || (head === 'version' && theirs.version === null)
      ? []
      : [{ at: head, theirs: theirs[head], ours: ours[head] }],
  )
  if (theirs.status < 400) return [...heads, ...inside('', theirs.body, ours.body)]
  const [a, b] = [faultOf(theirs.body), faultOf(ours.body)]
  return a !== '' && b === '' ? [...heads, { at: 'fault', theirs: a, ours: b }] : heads
}

/** What Ironic's clients show of a refusal. */
export function faultOf(body: unknown): string {
  const text = (body as { error_message?: unknown } | undefined)?.error_message
  if (typeof text !== 'string') return ''
  const inner = JSON.parse(text) as { faultstring?: string; description?: string }
  return inner.faultstring ?? inner.description ?? ''
}

const OPAQUE = /\.driver_internal_info$/
/** Compared by whether they are there. */
const VARIES = /(_at|\.last_error|\.conductor|\.reservation|\.hosts\[\]|\.hostname|\.console_info)$/
const MISSING = Symbol('missing')

function inside(at: string, theirs: unknown, ours: unknown): Difference[] {
  if ((theirs === MISSING) !== (ours === MISSING)) return [{ at, theirs: shown(theirs), ours: shown(ours) }]
  if (OPAQUE.test(at)) return kind(theirs) === kind(ours) ? [] : [{ at, theirs, ours }]
  if (VARIES.test(at)) return (theirs === null) === (ours === null) ? [] : [{ at, theirs, ours }]
  if (kind(theirs) !== kind(ours)) return [{ at, theirs, ours }]
  if (Array.isArray(theirs) && Array.isArray(ours)) {
    if (theirs.length !== ours.length) return [{ at: `${at}.length`, theirs: theirs.length, ours: ours.length }]
    return theirs.flatMap((each, i) => inside(`${at}[]`, each, ours[i]))
  }
  if (kind(theirs) !== 'object') return theirs === ours ? [] : [{ at, theirs, ours }]
  const [a, b] = [theirs as Record<string, unknown>, ours as Record<string, unknown>]
  const of = (object: Record<string, unknown>, key: string) => (Object.hasOwn(object, key) ? object[key] : MISSING)
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) =>
    inside(`${at}.${key}`, of(a, key), of(b, key)),
  )
}

const kind = (value: unknown): string =>
  value === null || typeof value !== 'object' ? 'plain' : Array.isArray(value) ? 'list' : 'object'
const shown = (value: unknown): unknown => (value === MISSING ? 'missing' : value)
