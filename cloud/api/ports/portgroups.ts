// Portgroups: ports of a node that are one bond.
import type { z } from 'zod'
import { fieldsOf, sortOf, type Field } from '../../store/json-sql.ts'
import type { Route } from '../call.ts'
import { findNode } from '../nodes/find.ts'
import { oneOf } from '../query.ts'
import type { Attribute, Resource } from '../resource.ts'
import { listsWithin, routesOf } from '../resource-routes.ts'
import { chars, DictOrNull, Flag, Mac, Name, text, Uuid } from '../shapes.ts'
import { ofNodes } from '../writers.ts'
import { address, ofNode } from './filters.ts'

const { column, flag, json, links, common } = fieldsOf('g')
const SINCE = 23

const FIELDS: readonly Field[] = [
  ...common('portgroups', SINCE),
  column('name', SINCE),
  column('address', SINCE),
  column('node_uuid', SINCE, 'node'),
  json('extra', SINCE),
  json('internal_info', SINCE),
  flag('standalone_ports_supported', SINCE),
  links('portgroups', 24, 'ports', 'ports'),
  column('mode', 26),
  json('properties', 26),
  column('physical_network', 102),
  column('category', 103),
  flag('dynamic_portgroup', 111),
]

const attribute = (since: number, schema: z.ZodType): Attribute => ({ since, schema })

export const PORTGROUPS: Resource = {
  path: 'portgroups',
  since: SINCE,
  key: 'portgroups',
  noun: 'Portgroup',
  from: 'portgroups g JOIN sites s ON s.id = g.site JOIN nodes n ON n.uuid = g.node',
  uuid: 'g.uuid',
  id: 'g.id',
  site: 'g.site',
  namedSince: SINCE,
  detailPath: true,
  fields: FIELDS,
  brief: ['uuid', 'name', 'address', 'links'],
  sort: sortOf(FIELDS, 'g.id'),
  fieldsSince: SINCE,
  detailSince: 43,
  filters: {
    node: ofNode('g', SINCE),
    address: address('g'),
    conductor_groups: oneOf('s.name', 99),
    shard: oneOf('n.shard', 106),
  },
  exclusive: ['node', 'address', 'shard', 'conductor_groups'],
  attributes: {
    node_uuid: { since: SINCE, schema: Uuid, required: true },
    address: attribute(SINCE, Mac.nullable()),
    category: attribute(103, text(80)),
    extra: { since: SINCE, schema: DictOrNull, keys: true },
    mode: { since: 26, schema: chars(255, 1), needed: true },
    name: attribute(SINCE, Name.nullable()),
    physical_network: attribute(102, chars(64, 1).nullable()),
    properties: { since: 26, schema: DictOrNull, keys: true },
    standalone_ports_supported: attribute(SINCE, Flag),
    uuid: { since: SINCE, schema: Uuid, only: 'create' },
  },
  writer: ofNodes('portgroup'),
}

export const portgroupRoutes: readonly Route[] = [
  ...routesOf(PORTGROUPS),
  ...listsWithin(PORTGROUPS, '/v1/nodes/:ident/portgroups', 24, async (call, ident) => ({
    sql: 'g.node = @',
    args: [(await findNode(call, ident)).uuid],
  })),
]
