// Filters that resources of a node share.
import { parseMac } from '../../../shared/ids.ts'
import { findNode } from '../nodes/find.ts'
import { IDENT, invalid, type Filter } from '../query.ts'

export const ofNode = (alias: string, since: number): Filter => ({
  since,
  about: 'those of this node (UUID or name)',
  schema: IDENT,
  where: async (text, call) => ({ sql: `${alias}.node = @`, args: [(await findNode(call, text)).uuid] }),
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
