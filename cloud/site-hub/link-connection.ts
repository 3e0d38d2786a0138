// A port's local_link_connection: where its cable ends. Either nothing, or a switch's port {port_id, switch_id}, or a smart NIC's
// {port_id, hostname}, or {network_type: 'unmanaged'}, or {port_id, vtep-logical-switch, vtep-physical-switch}.
import { FaultError } from '../../shared/faults.ts'
import { parseMac } from '../../shared/ids.ts'

const KEYS = ['port_id', 'switch_id', 'hostname', 'switch_info', 'network_type']
/** Of an OVN VTEP endpoint, both or none: known from 1.90 to 1.104 only, which the API looks at. */
const VTEP = ['vtep-logical-switch', 'vtep-physical-switch']

/** The connection in its normal form (a MAC address in lower case). Throws request.invalid. */
export function linkConnection(given: unknown, isSmartNic: boolean): Record<string, unknown> {
  const link = { ...(given as Record<string, unknown>) }
  const names = Object.keys(link)
  for (const name of names) {
    if (![...KEYS, ...VTEP].includes(name)) throw invalid(`has no key ${name}; possible are ${KEYS.join(', ')}`)
    if (typeof link[name] !== 'string' && name !== 'switch_info') throw invalid(`${name} must be a text`)
  }
  const endpoint = VTEP.filter((name) => names.includes(name))
  if (endpoint.length === 1) throw invalid(`needs ${VTEP.join(' and ')} together`)
  if (names.length === 0) {
    if (isSmartNic) throw invalid('of a smart NIC needs port_id and hostname')
    return link
  }
  const { network_type: type, switch_id: switchId, port_id: portId, hostname } = link
  if (type !== undefined && type !== 'managed' && type !== 'unmanaged')
    throw invalid('network_type is managed or unmanaged')
  if (isSmartNic && (portId === undefined || hostname === undefined))
    throw invalid('of a smart NIC needs port_id and hostname')
  if (switchId !== undefined) link['switch_id'] = switchIdOf(String(switchId))
  if (type === 'unmanaged' || isSmartNic) return link
  if (portId === undefined || (switchId === undefined && hostname === undefined && endpoint.length === 0))
    throw invalid('needs port_id and switch_id (or hostname), or network_type unmanaged')
  return link
}

/** A MAC address, or an OpenFlow datapath id of 16 hexadecimal digits. */
function switchIdOf(text: string): string {
  const mac = parseMac(text)
  if (mac) return mac
  if (/^[0-9a-f]{16}$/i.test(text)) return text.toLowerCase()
  throw invalid('switch_id is a MAC address or a datapath id of 16 hexadecimal digits')
}

function invalid(what: string): FaultError {
  return new FaultError('request.invalid', `local_link_connection ${what}.`)
}
