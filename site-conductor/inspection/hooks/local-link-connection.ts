import { nicsOf, type Hook } from '../found.ts'
import { linkOf } from '../lldp/parsed.ts'
import { lldpOf } from './parse-lldp.ts'

export const localLinkConnection: Hook = ({ inventory, pluginData }) => {
  const nics = nicsOf(inventory).flatMap(({ mac, ...nic }) => {
    const link = linkOf(lldpOf(nic, pluginData))
    return link ? [[mac, { local_link_connection: link }] as const] : []
  })
  return { nics: Object.fromEntries(nics) }
}
