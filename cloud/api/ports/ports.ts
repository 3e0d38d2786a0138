// Ports: a node's network interfaces.
import type { z } from 'zod'
import { fieldsOf, sortOf, type Field } from '../../store/json-sql.ts'
import type { Call, Route } from '../call.ts'
import { need } from '../microversion.ts'
import { findNode } from '../nodes/find.ts'
import { contains, IDENT, invalid, oneOf } from '../query.ts'
import { findRow } from '../items.ts'
import type { Attribute, Body, Resource } from '../resource.ts'
import { listsWithin, routesOf } from '../resource-routes.ts'
import { chars, DictOrNull, Flag, FlagOrNull, Mac, Name, NodeIdent, text, Uuid } from '../shapes.ts'
import { ofNodes } from '../writers.ts'
import { address, ofNode, ofNodeUuid } from './filters.ts'
import { PORTGROUPS } from './portgroups.ts'

const { column, flag, json, common } = fieldsOf('p')

export const PORT_FIELDS: readonly Field[] = [
  ...common('ports', 1),
  column('address', 1),
  column('node_uuid', 1, 'node'),
  json('extra', 1),
  json('internal_info', 18),
  flag('pxe_enabled', 19),
  json('local_link_connection', 19),
  column('portgroup_uuid', 24, 'portgroup'),
  column('physical_network', 34),
  flag('is_smartnic', 53),
  column('name', 88),
  column('description', 97),
  column('vendor', 100),
  column('category', 101),
  flag('available_for_dynamic_portgroup', 111),
]

const attribute = (since: number, schema: z.ZodType): Attribute => ({ since, schema })

export const PORTS: Resource = {
  path: 'ports',
  since: 1,
  key: 'ports',
  noun: 'Port',
  from: 'ports p JOIN sites s ON s.id = p.site JOIN nodes n ON n.uuid = p.node',
  uuid: 'p.uuid',
  id: 'p.id',
  site: 'p.site',
  namedSince: 88,
  detailPath: true,
  fields: PORT_FIELDS,
  brief: ['uuid', 'address', 'links'],
  sort: sortOf(PORT_FIELDS, 'p.id'),
  fieldsSince: 8,
  detailSince: 43,
  filters: {
    node: ofNode('p', 1),
    node_uuid: ofNodeUuid('p', 1),
    address: address('p'),
    portgroup: {
      since: 24,
      about: 'those in this portgroup (UUID or name)',
      schema: IDENT,
      where: async (text, call) => ({
        sql: 'p.portgroup = @',
        args: [(await findRow(PORTGROUPS, call, text)).uuid],
      }),
    },
    shard: oneOf('n.shard', 82),
    conductor_groups: oneOf('s.name', 99),
    description_contains: contains('p.description', 97),
  },
  exclusive: ['node', 'node_uuid', 'portgroup', 'shard'],
  either: ['node_uuid', 'node_ident'],
  attributes: {
    address: { since: 1, schema: Mac, required: true },
    node_uuid: { since: 1, schema: Uuid, needed: true },
    node_ident: { since: 94, schema: NodeIdent, only: 'create' },
    available_for_dynamic_portgroup: attribute(111, Flag),
    category: attribute(101, text(80)),
    description: attribute(97, text(255)),
    extra: { since: 1, schema: DictOrNull, keys: true },
    is_smartnic: attribute(53, FlagOrNull),
    local_link_connection: { since: 19, schema: DictOrNull, keys: true },
    name: attribute(88, Name.nullable()),
    physical_network: attribute(34, chars(64, 1).nullable()),
    portgroup_uuid: attribute(24, Uuid.nullable()),
    pxe_enabled: attribute(19, Flag),
    vendor: attribute(100, text(255)),
    uuid: { since: 1, schema: Uuid, only: 'create' },
  },
  writer: ofNodes('port', lookAtLink),
}

/** Keys of local_link_connection came and went with versions. */
function lookAtLink(call: Call, { local_link_connection: link }: Body): void {
  for (const key of Object.keys((link ?? {}) as object)) {
    if (key === 'network_type') need(call.version, 64, 'local_link_connection.network_type')
    if (!key.startsWith('vtep-')) continue
    need(call.version, 90, `local_link_connection.${key}`)
    if (call.version > 104) throw invalid(`local_link_connection.${key} was possible up to API version 1.104`)
  }
}

export const portRoutes: readonly Route[] = [
  ...routesOf(PORTS),
  ...listsWithin(PORTS, '/v1/nodes/:ident/ports', 1, async (call, ident) => ({
    sql: 'p.node = @',
    args: [(await findNode(call, ident)).uuid],
  })),
  ...listsWithin(PORTS, '/v1/portgroups/:ident/ports', 24, async (call, ident) => ({
    sql: 'p.portgroup = @',
    args: [(await findRow(PORTGROUPS, call, ident)).uuid],
  })),
]
