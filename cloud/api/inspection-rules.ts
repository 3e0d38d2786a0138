// Inspection rules (1.96): what is done with a node when what its inspection found meets conditions.
import { z } from 'zod'
import { inspectionRules } from '../schema/organisation-resources.ts'
import { isoTime } from '../schema/rows.ts'
import { fieldsOf, json, sortOf } from '../store/json-sql.ts'
import { empty, type Answer, type Call, type Route } from './call.ts'
import { invalid, readQuery } from './query.ts'
import { routesOf, type Attributes, type Resource } from './resource.ts'
import { text, Uuid } from './shapes.ts'
import { ofOrganisation } from './writers.ts'

const SINCE = 96
const { column, flag, common } = fieldsOf('i')

/** A `!` in front turns a condition round. */
const CONDITIONS = [
  'eq',
  'lt',
  'gt',
  'is-empty',
  'in-net',
  'matches',
  'contains',
  'one-of',
  'is-none',
  'is-true',
  'is-false',
]
const ACTIONS = [
  'fail', 'log', 'set-attribute', 'extend-attribute', 'del-attribute', 'set-capability', 'unset-capability', 'add-trait', 'remove-trait',
  'set-plugin-data', 'extend-plugin-data', 'unset-plugin-data', 'set-port-attribute', 'extend-port-attribute', 'del-port-attribute',
  
] as const // prettier-ignore

const Args = z.union([z.record(z.string(), z.unknown()), z.array(z.unknown())])
const Loop = z.union([z.array(z.unknown()), z.record(z.string(), z.unknown())])
const Condition = z.strictObject({
  op: z
    .string()
    .refine(
      (op) => CONDITIONS.includes(op.replace(/^! ?/, '')),
      `possible are ${CONDITIONS.join(', ')}, with ! in front`,
    )
    .meta({ pattern: `^(! ?)?(${CONDITIONS.join('|')})$` }),
  args: Args.optional(),
  loop: Loop.optional(),
  multiple: z.enum(['any', 'all', 'first', 'last']).optional(),
})
const Action = z.strictObject({ op: z.enum(ACTIONS), args: Args.optional(), loop: Loop.optional() })

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

const attributes: Attributes = {
  actions: { since: SINCE, schema: z.array(Action).min(1).max(256), keys: true, required: true },
  conditions: { since: SINCE, schema: z.array(Condition).max(256), keys: true },
  description: { since: SINCE, schema: text(255) },
  phase: { since: SINCE, schema: z.enum(['main']), needed: true },
  priority: { since: SINCE, schema: z.int().min(0).max(9999) },
  sensitive: { since: SINCE, schema: z.boolean() },
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
  filters: {},
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
