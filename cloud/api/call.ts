// What a handler is given and what it answers, both plain: the pipeline (app.ts) adds headers, and turns thrown faults into bodies.
import type { z } from 'zod'
import type { Principal } from '../auth/principal.ts'
import type { Ports, Sql } from '../ports.ts'
import type { Patchable } from './patch.ts'
import type { ListKind } from './query.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** One endpoint. `since`: the microversion (the N of 1.N) that shows it; below it the path does not exist. */
export interface Route {
  readonly method: Method
  /** Canonical, with /v1; `:name` takes one segment and `:name{.+}` the rest. */
  readonly path: string
  readonly since?: number
  /** What a request of an older version is told, where that is not 404. */
  readonly tooOld?: 'method.not_allowed' | 'version.unsupported'
  /** Needs no token: it says nothing about anybody's things, or brings its own proof. */
  readonly open?: true
  /** Of a GET: its answer is a key to something, which a token that only reads does not get. */
  readonly key?: true
  /** One line that says what it does: the summary in /v1/openapi.json. */
  readonly about?: string
  /** What the body must be; the handler reads it with this very schema. */
  readonly body?: z.ZodType
  /** What PATCH may change. */
  readonly patch?: Readonly<Record<string, Patchable>>
  /** Query arguments that it takes, each with what it means. */
  readonly query?: Readonly<Record<string, string | QueryArgument>>
  /** The list that it answers: its query arguments and the shape of a page come from there. */
  readonly list?: Shown & Pick<ListKind, 'key'> & Partial<ListKind>
  /** The one resource that it answers, by its fields. */
  readonly one?: Shown
  /** Status of success, where it is not the usual one of its method (200 for GET and PATCH, 201 POST, 202 PUT, 204 DELETE). */
  readonly ok?: number
  /** Takes any query argument, and answers whatever the driver does: 200 with any JSON, or 202. */
  readonly passthrough?: true
  /** Answers server-sent events to those who accept them. */
  readonly stream?: true
  /** Takes If-Match, and its one resource has an ETag. */
  readonly conditional?: true
  /** Size of its body, where it may be more than 1 MiB. */
  readonly maxBytes?: number
  /** HEAD is answered as well (discovery); everywhere else it is refused, as Ironic does. */
  readonly head?: true
  readonly run: (call: Call) => Promise<Answer | Response> | Answer | Response
}

export interface QueryArgument {
  readonly about: string
  /** JSON Schema of its text; any text without. */
  readonly schema?: JsonSchema
  readonly required?: true
}

/** A resource's name and fields. */
export type Shown = Pick<ListKind, 'noun' | 'fields'>

export type JsonSchema = Readonly<Record<string, unknown>>

/** Status of success of a route. */
export function okStatus({ method, ok }: Pick<Route, 'method' | 'ok'>): number {
  return ok ?? { GET: 200, PATCH: 200, POST: 201, PUT: 202, DELETE: 204 }[method]
}

export interface Call {
  readonly request: Request
  readonly ports: Ports
  readonly params: Record<string, string>
  /** What was taken off the item's identifier and may have been a part of its name (path.ts), or ''. */
  readonly extension: '.json' | ''
  /** The text after `?`, or ''. */
  readonly search: string
  /** Scheme and authority of the request: what links start with. */
  readonly base: string
  readonly requestId: string
  /** The N of the effective microversion 1.N. */
  readonly version: number
  readonly principal: Principal
  /** The caller's organisation's database. */
  readonly sql: Sql
}

export interface Answer {
  readonly status: number
  /** JSON text; none: an empty body. */
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

export function json(value: unknown, status = 200, headers?: Record<string, string>): Answer {
  const body = typeof value === 'string' ? value : JSON.stringify(value)
  return headers ? { status, body, headers } : { status, body }
}

/** Any value as it is; a text is no JSON text here. */
export const jsonOf = (value: unknown): Answer => json(JSON.stringify(value ?? null))

export function empty(status: 202 | 204, headers?: Record<string, string>): Answer {
  return headers ? { status, headers } : { status }
}

/** Ironic's two links of a resource; `path` such as `nodes/<uuid>`. */
export function links(base: string, path: string): { href: string; rel: string }[] {
  return [
    { href: `${base}/v1/${path}`, rel: 'self' },
    { href: `${base}/${path}`, rel: 'bookmark' },
  ]
}
