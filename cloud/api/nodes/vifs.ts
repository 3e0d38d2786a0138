// Networks of a node's instance (VIFs). Of a node whose network interface wires it the conductor asks the network service what a VIF is, and plugs it in and
// out, before the node has it or has it no more.
import { z } from 'zod'
import { readBody } from '../body.ts'
import { empty, json, type Answer, type Call, type Route } from '../call.ts'
import { need } from '../microversion.ts'
import { readQuery } from '../query.ts'
import { chars, Uuid } from '../shapes.ts'
import { command, findNode, order, type FoundNode } from './find.ts'

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

/** The physical networks that the VIF is on, of a node that is wired. What is no such answer says of none. */
async function physicalOf(call: Call, { uuid, site }: FoundNode, vif: string): Promise<string[]> {
  if ((await order(call, site, { kind: 'node.wired', node: uuid })) !== true) return []
  const about = { node: uuid, interface: 'network', method: 'vif_facts', args: { vif }, timeoutMs: ASK_MS }
  return VifFacts.safeParse(await order(call, site, { kind: 'call', ...about })).data?.physical ?? []
}
/** The network service may have to be asked more than once. */
const ASK_MS = 30_000
const VifFacts = z.object({ physical: z.array(z.string()) })

async function attachVif(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const { id: vif, port_uuid: port, portgroup_uuid: group } = await readBody(call.request, VifBody)
  if (port !== undefined || group !== undefined) need(call.version, 67, 'Choosing the port of a VIF')
  const node = await findNode(call, call.params['ident']!)
  const on = port ? { table: 'port' as const, uuid: port } : group ? { table: 'portgroup' as const, uuid: group } : null
  const physical = await physicalOf(call, node, vif)
  await command(call, node.site, { kind: 'vif.attach', node: node.uuid, vif, ...(on ? { on } : {}), physical })
  return empty(204)
}

async function detachVif(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const node = await findNode(call, call.params['ident']!)
  await command(call, node.site, { kind: 'vif.detach', node: node.uuid, vif: call.params['vif']! })
  return empty(204)
}

const of = '/v1/nodes/:ident'
export const vifRoutes: readonly Route[] = [
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
]
