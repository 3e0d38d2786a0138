import { nicsOf, type Hook } from '../found.ts'

export const physicalNetwork: Hook = ({ inventory }, { physicalNetworkOf }) => {
  const nics = nicsOf(inventory).flatMap(({ mac, ipv4_address: v4, ipv6_address: v6 }) => {
    const name = [v4, v6].map((address) => address && physicalNetworkOf(address.split('%')[0]!)).find(Boolean)
    return name ? [[mac, { physical_network: name }] as const] : []
  })
  return { nics: Object.fromEntries(nics) }
}
