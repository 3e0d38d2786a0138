// Volume connectors (how a node reaches storage) and targets (what it boots from there). Secrets of a target are sealed by the hub.
import { z } from 'zod'
import { fieldsOf, sortOf } from '../store/json-sql.ts'
import { json, links as linksTo, type Answer, type Call, type Route } from './call.ts'
import { findNode } from './nodes/find.ts'
import { ofNode } from './ports/filters.ts'
import { readQuery } from './query.ts'
import type { Resource } from './resource.ts'
import { listsWithin, routesOf } from './resource-routes.ts'
import { chars, DictOrNull, Uuid } from './shapes.ts'
import { ofNodes } from './writers.ts'

const SINCE = 32
const { column, json: jsonField, common } = fieldsOf('v')

const extra = { since: SINCE, schema: DictOrNull, keys: true } as const
const needed = (schema: z.ZodType) => ({ since: SINCE, schema, required: true }) as const
const uuid = { since: SINCE, schema: Uuid, only: 'create' } as const
const common32 = { since: SINCE, uuid: 'v.uuid', id: 'v.id', site: 'v.site', fieldsSince: SINCE, detailSince: SINCE }

const CONNECTOR_FIELDS = [
  ...common('volume/connectors', SINCE),
  column('node_uuid', SINCE, 'node'),
  column('type', SINCE),
  column('connector_id', SINCE),
  jsonField('extra', SINCE),
]

export const CONNECTORS: Resource = {
  ...common32,
  path: 'volume/connectors',
  key: 'connectors',
  noun: 'Volume connector',
  from: 'volume_connectors v',
  fields: CONNECTOR_FIELDS,
  brief: ['uuid', 'node_uuid', 'type', 'connector_id', 'links'],
  sort: sortOf(CONNECTOR_FIELDS, 'v.id'),
  filters: { node: ofNode('v', SINCE) },
  attributes: {
    node_uuid: needed(Uuid),
    type: needed(z.enum(['iqn', 'ip', 'mac', 'wwnn', 'wwpn', 'port', 'portgroup'])),
    connector_id: needed(chars(255, 1)),
    extra,
    uuid,
  },
  writer: ofNodes('volume_connector'),
}

const TARGET_FIELDS = [
  ...common('volume/targets', SINCE),
  column('node_uuid', SINCE, 'node'),
  column('volume_type', SINCE),
  column('volume_id', SINCE),
  { ...column('boot_index', SINCE), type: 'integer' as const },
  jsonField('properties', SINCE),
  jsonField('extra', SINCE),
]

export const TARGETS: Resource = {
  ...common32,
  path: 'volume/targets',
  key: 'targets',
  noun: 'Volume target',
  from: 'volume_targets v',
  fields: TARGET_FIELDS,
  brief: ['uuid', 'node_uuid', 'volume_type', 'boot_index', 'volume_id', 'links'],
  sort: sortOf(TARGET_FIELDS, 'v.id'),
  filters: { node: ofNode('v', SINCE) },
  attributes: {
    node_uuid: needed(Uuid),
    volume_type: needed(chars(64, 1)),
    volume_id: needed(chars(255, 1)),
    boot_index: needed(
      z
        .int()
        .min(0)
        .max(2 ** 31 - 1),
    ),
    properties: { since: SINCE, schema: DictOrNull, keys: true },
    extra,
    uuid,
  },
  writer: ofNodes('volume_target'),
}

/** Where the two are, for all nodes or for one. */
async function volume(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const { ident } = call.params
  if (ident !== undefined) await findNode(call, ident)
  const path = ident === undefined ? 'volume' : `nodes/${ident}/volume`
  return json({
    links: linksTo(call.base, `${path}/`),
    connectors: linksTo(call.base, `${path}/connectors`),
    targets: linksTo(call.base, `${path}/targets`),
  })
}

const whose = async (call: Call, ident: string) => ({ sql: 'v.node = @', args: [(await findNode(call, ident)).uuid] })

export const volumeRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/v1/volume',
    since: SINCE,
    about: 'Says where volume connectors and targets are',
    run: volume,
  },
  {
    method: 'GET',
    path: '/v1/nodes/:ident/volume',
    since: SINCE,
    about: 'Says where those of a node are',
    run: volume,
  },
  ...routesOf(CONNECTORS),
  ...routesOf(TARGETS),
  ...listsWithin(CONNECTORS, '/v1/nodes/:ident/volume/connectors', SINCE, whose),
  ...listsWithin(TARGETS, '/v1/nodes/:ident/volume/targets', SINCE, whose),
]
