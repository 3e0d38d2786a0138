// Two answers to one request, and where they differ: status, keys, values. Times, host names and texts for people are compared by whether
// there is one; what a driver keeps for itself is not looked into.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Sent } from './requests/sent.ts'

export interface Seen {
  readonly status: number
  readonly body: unknown
  /** Location without the server's address. */
  readonly location: string | null
}

export interface Difference {
  /** `status`, `location`, or the path of a field such as `.nodes[].name`. */
  readonly at: string
  readonly theirs: unknown
  readonly ours: unknown
}

const LOCKED_TRIES = 20

/** Ironic's SQLite may be busy with another of its processes, and then nothing was done. Ours has no such excuse. */
export async function askIronic(url: string, sent: Sent): Promise<Seen> {
  for (let attempt = 1; ; attempt++) {
    const seen = await ask(url, sent)
    if (attempt === LOCKED_TRIES || !faultOf(seen.body).includes('database is locked')) return seen
    await sleep(100)
  }
}

export async function ask(url: string, { method, path, body, raw, version }: Sent): Promise<Seen> {
  const headers = { 'X-OpenStack-Ironic-API-Version': `1.${version}`, 'Content-Type': 'application/json' }
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
  return { status: response.status, body: parsed, location }
}

export function differences(theirs: Seen, ours: Seen): Difference[] {
  if (theirs.status !== ours.status) return [{ at: 'status', theirs: theirs.status, ours: ours.status }]
  if (theirs.status >= 400) {
    const [a, b] = [faultOf(theirs.body), faultOf(ours.body)]
    return a !== '' && b === '' ? [{ at: 'fault', theirs: a, ours: b }] : []
  }
  const places = theirs.location === ours.location ? [] : [{ at: 'location', theirs: theirs.location, ours: ours.location }] // prettier-ignore
  return [...places, ...inside('', theirs.body, ours.body)]
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
