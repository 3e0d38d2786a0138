// What is asked of one node and is rows: its traits, networks (VIFs) and children.
import { z } from 'zod'
import { readBody } from '../body.ts'
import { empty, json, links, type Answer, type Call, type Route } from '../call.ts'
import { need } from '../microversion.ts'
import { readQuery } from '../query.ts'
import { chars, Uuid } from '../shapes.ts'
import { traitRoutes } from '../traits.ts'
import { command, findNode } from './find.ts'

const traits = traitRoutes('/v1/nodes/:ident', 'node', 37, {
  async read(call, ident) {
    const { uuid } = await findNode(call, ident)
    const rows = await call.sql.all('SELECT trait FROM node_traits WHERE node = ? ORDER BY trait', [uuid])
    return rows.map(([trait]) => String(trait))
  },
  async change(call, ident, change, wanted) {
    const node = await findNode(call, ident)
    const given = wanted ? { traits: wanted } : {}
    await command(call, node.site, { kind: 'node.traits', node: node.uuid, change, ...given })
  },
})

/** Networking may send what else it knows of the network; that is not kept. */
const VifBody = z
  .looseObject({
    id: chars(255, 1, 'the id of the network is needed'),
    port_uuid: Uuid.optional(),
    portgroup_uuid: Uuid.optional(),
  })
  .refine(
    ({ port_uuid: port, portgroup_uuid: group }) => port === undefined || group === undefined,
    'Either port_uuid or portgroup_uuid may be given, not both',
  )
  .meta({ not: { required: ['port_uuid', 'portgroup_uuid'] } })

const VIF = `internal_info ->> '$.tenant_vif_port_id'`

async function vifs(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const { uuid } = await findNode(call, call.params['ident']!)
  const of = (table: string) => `SELECT ${VIF} AS vif, id FROM ${table} WHERE node = ?1 AND ${VIF} IS NOT NULL`
  const rows = await call.sql.all(`${of('portgroups')} UNION ALL ${of('ports')}`, [uuid])
  return json({ vifs: rows.map(([id]) => ({ id })) })
}

async function attachVif(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const { id: vif, port_uuid: port, portgroup_uuid: group } = await readBody(call.request, VifBody)
  if (port !== undefined || group !== undefined) need(call.version, 67, 'Choosing the port of a VIF')
  const node = await findNode(call, call.params['ident']!)
  const on = port ? { table: 'port' as const, uuid: port } : group ? { table: 'portgroup' as const, uuid: group } : null
  await command(call, node.site, { kind: 'vif.attach', node: node.uuid, vif, ...(on ? { on } : {}) })
  return empty(204)
}

async function detachVif(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const node = await findNode(call, call.params['ident']!)
  await command(call, node.site, { kind: 'vif.detach', node: node.uuid, vif: call.params['vif']! })
  return empty(204)
}

async function children(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const { uuid } = await findNode(call, call.params['ident']!)
  const rows = await call.sql.all('SELECT uuid FROM nodes WHERE parent_node = ? ORDER BY id', [uuid])
  return json({ children: rows.map(([child]) => child), links: links(call.base, `nodes/${uuid}/children`) })
}

const of = '/v1/nodes/:ident'
export const attachedRoutes: readonly Route[] = [
  ...traits,
  { method: 'GET', path: `${of}/vifs`, since: 28, about: 'Lists the networks that are attached to a node', run: vifs },
  {
    method: 'POST',
    ok: 204,
    path: `${of}/vifs`,
    since: 28,
    about: 'Attaches a network to a node',
    body: VifBody,
    run: attachVif,
  },
  { method: 'DELETE', path: `${of}/vifs/:vif`, since: 28, about: 'Detaches a network from a node', run: detachVif },
  { method: 'GET', path: `${of}/children`, since: 83, about: 'Lists the nodes whose parent this is', run: children },
]
