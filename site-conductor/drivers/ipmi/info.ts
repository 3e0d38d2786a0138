// driver_info of the IPMI driver, with Ironic's names, and the BMC that it describes.
import { z } from 'zod'
import { bootInfo } from '../boot-info.ts'
import type { Bmc } from '../../ipmi/pool.ts'

const PRIVILEGES = ['ADMINISTRATOR', 'OPERATOR'] as const

// prettier-ignore
export const ipmiInfo = z.looseObject({
  ipmi_address:      z.string().trim().min(1).max(253).describe('Address or host name of the BMC. Required.'),
  ipmi_port:         z.coerce.number().int().min(1).max(65_535).default(623).describe('UDP port of the BMC'),
  ipmi_username:     z.string().max(16, 'IPMI takes at most 16 characters').default('').describe('User; the NULL user when absent'),
  ipmi_password:     z.string().max(20, 'IPMI 2.0 takes at most 20 characters').default('').describe('Password of the user'),
  ipmi_priv_level:   z.preprocess((level) => (typeof level === 'string' ? level.toUpperCase() : level), z.enum(PRIVILEGES, 'power and boot device need OPERATOR or ADMINISTRATOR'))
                      .default('ADMINISTRATOR').describe('What the user may do at most: ADMINISTRATOR or OPERATOR'),
  ipmi_cipher_suite: z.preprocess((suite) => (suite === undefined ? suite : Number(suite)), z.literal([3, 17], 'only 3 and 17 are safe enough').optional())
                      .describe('Cipher suite 17 or 3; default 17, then 3'),
  ipmi_hex_kg_key:   z.string().regex(/^([0-9a-f]{2}){1,20}$/i, 'must be an even number of hex digits, at most 40').optional().describe('The BMC key Kg, hexadecimal'),
  ...bootInfo,
})
export type IpmiInfo = z.output<typeof ipmiInfo>

export function bmcOf(info: IpmiInfo): Bmc {
  return {
    host: info.ipmi_address,
    port: info.ipmi_port,
    username: info.ipmi_username,
    password: info.ipmi_password,
    cipherSuite: info.ipmi_cipher_suite,
    kg: info.ipmi_hex_kg_key === undefined ? undefined : Buffer.from(info.ipmi_hex_kg_key, 'hex'),
  }
}
