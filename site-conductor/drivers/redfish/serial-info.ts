// driver_info of a machine with a Redfish BMC whose serial line is IPMI's: the fields of the driver `ipmi` that its console takes. Here they are told and
// nothing more: what is wrong with one is for the console to refuse (serial-console.ts), so that nobody loses the power of a machine by it.
import { z } from 'zod'
import { ipmiInfo } from '../ipmi/info.ts'

export const SERIAL_FIELDS = [
  'ipmi_address',
  'ipmi_port',
  'ipmi_username',
  'ipmi_password',
  'ipmi_priv_level',
  'ipmi_protocol_version',
  'ipmi_cipher_suite',
  'ipmi_hex_kg_key',
  'ipmi_terminal_port',
] as const

const told = (field: (typeof SERIAL_FIELDS)[number]) => {
  const { description = '' } = ipmiInfo.shape[field]
  return z.unknown().optional().describe(`Of console interface ipmitool-socat. ${description}`)
}

/** For the driver's schema: told and nothing more. */
export const serialInfo = Object.fromEntries(SERIAL_FIELDS.map((field) => [field, told(field)]))
export const SERIAL_SECRETS = ['ipmi_password', 'ipmi_hex_kg_key']
