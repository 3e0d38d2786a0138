// Filters that resources of a node share.
import { isUuid, parseMac } from '../../../shared/ids.ts'
import { need } from '../microversion.ts'
import { findNode, NAMED_SINCE } from '../nodes/find.ts'
import { IDENT, UUID, invalid, type Filter } from '../query.ts'

export const ofNode = (alias: string, since: number): Filter => ({
  since,
  about: 'those of this node (UUID or name)',
  schema: IDENT,
  async where(text, call) {
    if (!isUuid(text)) need(call.version, NAMED_SINCE, 'The name of a node')
    return { sql: `${alias}.node = @`, args: [(await findNode(call, text)).uuid] }
  },
})

export const ofNodeUuid = (alias: string, since: number): Filter => ({
  ...ofNode(alias, since),
  about: 'those of the node with this UUID',
  schema: UUID,
  where(text, call) {
    if (!isUuid(text)) throw invalid(`Expected a UUID as node_uuid, not "${text}"`)
    return ofNode(alias, since).where(text, call)
  },
})

export const address = (alias: string): Filter => ({
  since: 1,
  about: 'a MAC address',
  schema: { type: 'string', pattern: '^\\s*[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}\\s*$' },
  where(text) {
    const mac = parseMac(text)
    if (!mac) throw invalid(`Expected a MAC address but received "${text}"`)
    return { sql: `${alias}.address = @`, args: [mac] }
  },
})
