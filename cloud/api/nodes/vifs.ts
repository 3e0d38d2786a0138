// Networks of a node's instance (VIFs). Of a node whose network interface wires it the conductor asks the network service what a VIF is, and plugs it in and
// out; what has become of that is known before the answer.
import { z } from 'zod'
import { readBody } from '../body.ts'
import { empty, json, type Answer, type Call, type Route } from '../call.ts'
import { need } from '../microversion.ts'
import { readQuery } from '../query.ts'
import { chars, Uuid } from '../shapes.ts'
import type { Attached } from '../../site-hub/commands.ts'
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

/** Its conductor, about one VIF. */
export async function askAbout(
  call: Call,
  { uuid, site }: FoundNode,
  method: string,
  args: Record<string, unknown>,
): Promise<unknown> {
  return order(call, site, { kind: 'call', node: uuid, interface: 'network', method, args, timeoutMs: ASK_MS })
}
/** It may have to ask the network service more than once. */
const ASK_MS = 30_000

export async function isWired(call: Call, { uuid, site }: FoundNode): Promise<boolean> {
  return (await order(call, site, { kind: 'node.wired', node: uuid })) === true
}

/** The physical networks that the VIF is on. What is no such answer says of none. */
async function physicalOf(call: Call, node: FoundNode, vif: string): Promise<string[]> {
  return VifFacts.safeParse(await askAbout(call, node, 'vif_facts', { vif })).data?.physical ?? []
}
const VifFacts = z.object({ physical: z.array(z.string()) })

async function attachVif(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const { id: vif, port_uuid: port, portgroup_uuid: group } = await readBody(call.request, VifBody)
  if (port !== undefined || group !== undefined) need(call.version, 67, 'Choosing the port of a VIF')
  const node = await findNode(call, call.params['ident']!)
  const on = port ? { table: 'port' as const, uuid: port } : group ? { table: 'portgroup' as const, uuid: group } : null
  const wired = await isWired(call, node)
  const physical = wired ? await physicalOf(call, node, vif) : []
  const wanted = { kind: 'vif.attach' as const, node: node.uuid, vif, ...(on ? { on } : {}), physical }
  const attached = (await command(call, node.site, wanted)) as Attached
  if (!wired) return empty(204)
  try {
    await askAbout(call, node, 'vif_attach', { vif, place: attached.on.uuid, active: attached.active })
  } catch (error) {
    // It is not there: what is shown must not say so.
    await order(call, node.site, { kind: 'vif.detach', node: node.uuid, vif })
    throw error
  }
  return empty(204)
}

async function detachVif(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const node = await findNode(call, call.params['ident']!)
  const vif = call.params['vif']!
  // Only what is attached to this node is unplugged: any port of the network service could be named here.
  const { on } = (await command(call, node.site, { kind: 'vif.detach', node: node.uuid, vif })) as Attached
  if (!(await isWired(call, node))) return empty(204)
  try {
    await askAbout(call, node, 'vif_detach', { vif })
  } catch (error) {
    // It is still plugged in.
    await order(call, node.site, { kind: 'vif.attach', node: node.uuid, vif, on })
    throw error
  }
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
