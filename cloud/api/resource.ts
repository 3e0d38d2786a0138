// A resource of the API as one table: fields, filters, attributes, and who writes it. From that come its items (items.ts), its endpoints
// (resource-routes.ts) and its description (openapi); no resource's file repeats them.
import { z } from 'zod'
import type { PatchOperation } from '../site-hub/commands.ts'
import type { Call, Route } from './call.ts'
import type { Patchable } from './patch.ts'
import type { ListKind } from './query.ts'

export interface Resource extends ListKind {
  /** Below /v1. */
  readonly path: string
  readonly since: number
  readonly attributes: Attributes
  /** Since when an item is found by its name as well. */
  readonly namedSince?: number
  /** SQL of the site whose hub writes the row. */
  readonly site?: string
  /** SQL of what If-Match compares, where that is not the time of the last change. */
  readonly stamp?: string
  /** Has the path …/detail, too. */
  readonly detailPath?: true
  /** Writes of older versions are told 405, not 404. */
  readonly tooOld?: 'method.not_allowed'
  /** PATCH came later than the rest. */
  readonly patchSince?: number
  /** Is told each item that was shown. */
  shown?(call: Call, item: string): void
  /** Attributes of which creation takes exactly one; its writer refuses both and none, once the version is known to have them. */
  readonly either?: readonly [string, string]
  /** Query arguments of PATCH. */
  readonly patchQuery?: NonNullable<Route['query']>
  readonly writer: Writer
}

/** Something that is given at creation, changed by PATCH, or both. */
export interface Attribute extends Patchable {
  readonly only?: 'create' | 'patch'
  /** Creation does not go without it. */
  readonly required?: true
  /** Its schema in PATCH, where that is another. */
  readonly patched?: z.ZodType
}
export type Attributes = Readonly<Record<string, Attribute>>
export type Body = Record<string, unknown>

export interface Found {
  readonly uuid: string
  /** The site whose hub writes it; null: the organisation's own. */
  readonly site: string | null
}

/** Who carries changes out, once their shapes are checked. Each throws the fault that forbids it. */
export interface Writer {
  /** Answers the UUID of what was made. */
  create(call: Call, body: Body): Promise<string>
  /** What goes on after the answer to a creation was made. */
  created?(call: Call, uuid: string): void
  patch(call: Call, found: Found, patch: readonly PatchOperation[], query: ReadonlyMap<string, string>): Promise<void>
  remove(call: Call, found: Found): Promise<void>
}

/** The shape of a creation. */
export function bodyOf({ attributes, either }: Pick<Resource, 'attributes' | 'either'>): z.ZodType<Body> {
  const shape = Object.entries(attributes)
    .filter(([, { only }]) => only !== 'patch')
    .map(([name, { schema, required, since }]) => {
      const dated = (name === 'uuid' ? schema.nullable() : schema).meta({ 'x-ironic-since': `1.${since}` })
      return [name, required ? dated : dated.optional()]
    })
  const body = z.strictObject(Object.fromEntries(shape) as Record<string, z.ZodType>)
  return either ? body.meta({ oneOf: either.map((name) => ({ required: [name] })) }) : body
}

/** What PATCH may change. */
export function patchableOf({ attributes }: Pick<Resource, 'attributes'>): Readonly<Record<string, Patchable>> {
  return Object.fromEntries(
    Object.entries(attributes)
      .filter(([, { only }]) => only !== 'create')
      .map(([name, { required, patched, ...attribute }]) => [
        name,
        { ...attribute, ...(patched && { schema: patched }), ...(required && { needed: true as const }) },
      ]),
  )
}
