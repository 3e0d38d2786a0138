// What is asked of one node and is rows: its traits, networks (vifs.ts) and children.
import { json, links, type Answer, type Call, type Route } from '../call.ts'
import { readQuery } from '../query.ts'
import { traitRoutes } from '../traits.ts'
import { command, findNode } from './find.ts'
import { vifRoutes } from './vifs.ts'

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

async function children(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const { uuid } = await findNode(call, call.params['ident']!)
  const rows = await call.sql.all('SELECT uuid FROM nodes WHERE parent_node = ? ORDER BY id', [uuid])
  return json({ children: rows.map(([child]) => child), links: links(call.base, `nodes/${uuid}/children`) })
}

const of = '/v1/nodes/:ident'
export const attachedRoutes: readonly Route[] = [
  ...traits,
  ...vifRoutes,
  { method: 'GET', path: `${of}/children`, since: 83, about: 'Lists the nodes whose parent this is', run: children },
]
