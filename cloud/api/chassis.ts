// Chassis: nodes that stand in one case.
import { chassis } from '../schema/organisation-resources.ts'
import { fieldsOf, links, sortOf } from '../store/json-sql.ts'
import type { Route } from './call.ts'
import { NODES } from './nodes/nodes.ts'
import { findRow } from './items.ts'
import type { Attributes, Resource } from './resource.ts'
import { listsWithin, routesOf } from './resource-routes.ts'
import { DictOrNull, text, Uuid } from './shapes.ts'
import { ofOrganisation } from './writers.ts'

const { column, json, common } = fieldsOf('h')
const toNodes = links('chassis', 'h.uuid', 'nodes')

const FIELDS = [
  ...common('chassis', 1),
  column('description', 1),
  json('extra', 1),
  // A list in a list, as Ironic's is.
  { name: 'nodes', since: 1, sql: { text: `[${toNodes.text}]`, values: toNodes.values } },
]

const attributes: Attributes = {
  description: { since: 1, schema: text(255) },
  extra: { since: 1, schema: DictOrNull, keys: true },
  uuid: { since: 1, schema: Uuid, only: 'create' },
}

export const CHASSIS: Resource = {
  path: 'chassis',
  since: 1,
  key: 'chassis',
  noun: 'Chassis',
  from: 'chassis h',
  uuid: 'h.uuid',
  id: 'h.id',
  detailPath: true,
  fields: FIELDS,
  brief: ['uuid', 'description', 'links'],
  sort: sortOf(FIELDS, 'h.id'),
  fieldsSince: 8,
  detailSince: 43,
  filters: {},
  attributes,
  writer: ofOrganisation(chassis, {
    noun: 'Chassis',
    attributes,
    inUse: {
      sql: 'SELECT 1 FROM nodes WHERE chassis_uuid = ? LIMIT 1',
      text: 'Chassis ? has nodes.',
      hint: 'GET /v1/chassis/{id}/nodes lists them; take them out of it first',
    },
  }),
}

export const chassisRoutes: readonly Route[] = [
  ...routesOf(CHASSIS),
  ...listsWithin(NODES, '/v1/chassis/:ident/nodes', 1, async (call, ident) => ({
    sql: 'n.chassis_uuid = @',
    args: [(await findRow(CHASSIS, call, ident)).uuid],
  })),
]
