// Filters that resources of a node share.
import { parseMac } from '../../../shared/ids.ts'
import { findNode } from '../nodes/find.ts'
import { invalid, type Filter } from '../query.ts'

export const ofNode = (alias: string, since: number): Filter => ({
  since,
  about: 'those of this node (UUID or name)',
  where: async (text, call) => ({ sql: `${alias}.node = @`, args: [(await findNode(call, text)).uuid] }),
})

export const address = (alias: string): Filter => ({
  since: 1,
  about: 'a MAC address',
  where(text) {
    const mac = parseMac(text)
    if (!mac) throw invalid(`Expected a MAC address but received "${text}"`)
    return { sql: `${alias}.address = @`, args: [mac] }
  },
})
