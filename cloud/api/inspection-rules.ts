// Inspection rules (1.96): what is done with a node when what its inspection found meets conditions.
import { z } from 'zod'
import { ACTIONS, NOT_OFFERED } from '../inspection-rules/actions.ts'
import { OPERATORS } from '../inspection-rules/conditions.ts'
import { complaint, type Signature } from '../inspection-rules/signature.ts'
import { inspectionRules } from '../schema/organisation-resources.ts'
import { isoTime } from '../schema/rows.ts'
import { fieldsOf, json, sortOf } from '../store/json-sql.ts'
import { empty, type Answer, type Call, type Route } from './call.ts'
import { equals, invalid, readQuery } from './query.ts'
import type { Attributes, Resource } from './resource.ts'
import { routesOf } from './resource-routes.ts'
import { FlagOrNull, text, Uuid } from './shapes.ts'
import { ofOrganisation } from './writers.ts'

const SINCE = 96
const { column, flag, common } = fieldsOf('i')

/** Each item is a turn of the hub's time: more of them than a machine has of anything are a mistake. */
const MAX_ITEMS = 400
const Loop = z.union([z.array(z.unknown()).max(MAX_ITEMS), z.record(z.string(), z.unknown())], {
  error: ({ input }) => (Array.isArray(input) ? `takes ${MAX_ITEMS} items at most` : 'must be a list or an object'),
})

/** Arguments by name or as a list, as the signature has them. */
function argsOf(signature: Signature) {
  const { needs, may = [] } = signature
  const all = [...needs, ...may]
  const properties = Object.fromEntries(all.map((name) => [name, {}]))
  const named = { type: 'object', properties, required: needs, additionalProperties: false }
  const listed = { type: 'array', minItems: needs.length, maxItems: all.length }
  return z
    .union([z.record(z.string(), z.unknown()), z.array(z.unknown())], { error: () => complaint(signature, {}) })
    .superRefine((args, context) => {
      const message = complaint(signature, args)
      if (message !== undefined) context.addIssue({ code: 'custom', message })
    })
    .meta({ anyOf: [named, listed] })
}

/** One shape for each operation of the table. */
function operations(table: Readonly<Record<string, Signature>>, spelt: (op: string) => readonly string[], more = {}) {
  const shapes = Object.entries(table).map(([op, signature]) =>
    z.strictObject({ op: z.enum(spelt(op)), args: argsOf(signature), loop: Loop.optional(), ...more }),
  )
  const possible = Object.keys(table).flatMap((op) => spelt(op))
  return z.discriminatedUnion('op', shapes as [(typeof shapes)[0]], {
    error({ input }) {
      const { op } = (input ?? {}) as { op?: unknown }
      const why =
        typeof op === 'string' && Object.hasOwn(NOT_OFFERED, op) ? `${op} is not offered: ${NOT_OFFERED[op]}; ` : ''
      return `${why}possible are ${possible.join(', ')}`
    },
  })
}

/** A `!` in front turns it round. */
const Condition = operations(OPERATORS, (op) => [op, `!${op}`, `! ${op}`], {
  multiple: z.enum(['any', 'all', 'first', 'last']).optional(),
})
const Action = operations(ACTIONS, (op) => [op])

/** A sensitive rule is never shown in full. */
const unlessSensitive = (name: string) => ({
  name,
  since: SINCE,
  sql: json(`CASE i.sensitive WHEN 1 THEN 'null' ELSE i.${name} END`),
})

const FIELDS = [
  ...common('inspection_rules', SINCE),
  column('description', SINCE),
  { ...column('priority', SINCE), type: 'integer' as const },
  column('phase', SINCE),
  flag('sensitive', SINCE),
  unlessSensitive('conditions'),
  unlessSensitive('actions'),
]

/** There is one, and null means it. */
const Phase = z
  .enum(['main'])
  .nullable()
  .transform((phase) => phase ?? 'main')

const attributes: Attributes = {
  actions: { since: SINCE, schema: z.array(Action).min(1).max(256), keys: true, required: true },
  conditions: { since: SINCE, schema: z.array(Condition).max(256), keys: true },
  description: { since: SINCE, schema: text(255) },
  phase: { since: SINCE, schema: Phase, needed: true },
  priority: { since: SINCE, schema: z.int().min(0).max(9999) },
  sensitive: { since: SINCE, schema: FlagOrNull },
  uuid: { since: SINCE, schema: Uuid, only: 'create' },
}

export const INSPECTION_RULES: Resource = {
  path: 'inspection_rules',
  since: SINCE,
  tooOld: 'method.not_allowed',
  key: 'inspection_rules',
  noun: 'Inspection rule',
  from: 'inspection_rules i',
  uuid: 'i.uuid',
  id: 'i.id',
  fields: FIELDS,
  brief: ['uuid', 'description', 'phase', 'priority', 'sensitive', 'links'],
  sort: sortOf(FIELDS, 'i.id'),
  fieldsSince: SINCE,
  detailSince: SINCE,
  filters: { phase: equals('i.phase', SINCE) },
  attributes,
  writer: ofOrganisation(inspectionRules, {
    noun: 'Inspection rule',
    attributes,
    refuse(after, before) {
      if (before?.['sensitive'] === true && after['sensitive'] !== true)
        throw invalid('A rule that is sensitive stays so: what it hides would be shown')
    },
  }),
}

/** All of them, each of which the audit log has. */
async function removeAll(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const { principal, ports, requestId } = call
  const told =
    'INSERT INTO audit (at, actor, action, target, outcome, body, request_id)' +
    ` SELECT ?, ?, 'inspection_rule.deleted', uuid, 'done', '{}', ? FROM inspection_rules`
  await call.sql.batch([
    { sql: told, args: [isoTime(ports.env.now()), principal.actor, requestId] },
    { sql: 'DELETE FROM inspection_rules', args: [] },
  ])
  return empty(204)
}

export const inspectionRuleRoutes: readonly Route[] = [
  ...routesOf(INSPECTION_RULES),
  {
    method: 'DELETE',
    path: '/v1/inspection_rules',
    since: SINCE,
    tooOld: 'method.not_allowed',
    about: 'Deletes all inspection rules',
    run: removeAll,
  },
]
