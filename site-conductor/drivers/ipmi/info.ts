// driver_info of the IPMI driver, with Ironic's names and rules, and the BMC that it describes.
import { z } from 'zod'
import type { Bridge } from '../../ipmi/bridge.ts'
import { commonInfo } from '../common-info.ts'
import type { Bmc } from '../../ipmi/pool.ts'

const PRIVILEGES = ['ADMINISTRATOR', 'OPERATOR'] as const
const BRIDGINGS = ['no', 'single', 'dual'] as const

const upper = (value: unknown) => (typeof value === 'string' ? value.toUpperCase() : value)

/** Ironic's words for yes and no. */
const flag = z.preprocess((value) => {
  const word = typeof value === 'string' ? value.trim().toLowerCase() : value
  if (['true', 't', 'on', 'yes', 'y', '1', 1].includes(word as string)) return true
  return ['false', 'f', 'off', 'no', 'n', '0', 0].includes(word as string) ? false : value
}, z.boolean('must be true or false'))

/** As ipmitool reads them: 0x20 or 32. */
const byte = (most: number) =>
  z
    .preprocess((value) => (typeof value === 'string' && value.trim() !== '' ? Number(value) : value), z.int())
    .pipe(z.number().min(0).max(most))
    .optional()

const protocol = z.preprocess(String, z.enum(['2.0', '2'], 'must be 2.0: IPMI 1.5 encrypts nothing, and is not spoken'))

// prettier-ignore
export const ipmiInfo = z.looseObject({
  ...commonInfo,
  ipmi_address:      z.string().trim().min(1).max(253).describe('Address or host name of the BMC. Required.'),
  ipmi_port:         z.coerce.number().int().min(1).max(65_535).default(623).describe('UDP port of the BMC'),
  ipmi_username:     z.string().max(16, 'IPMI takes at most 16 characters').default('').describe('User; the NULL user when absent'),
  ipmi_password:     z.string().max(20, 'IPMI 2.0 takes at most 20 characters').default('').describe('Password of the user'),
  ipmi_priv_level:   z.preprocess(upper, z.enum(PRIVILEGES, 'power and boot device need OPERATOR or ADMINISTRATOR'))
                      .default('ADMINISTRATOR').describe('What the user may do at most: ADMINISTRATOR or OPERATOR'),
  ipmi_protocol_version: protocol.default('2.0').describe('2.0, the only one that is spoken'),
  ipmi_cipher_suite: z.preprocess((suite) => (suite === undefined ? suite : Number(suite)), z.literal([3, 17], 'only 3 and 17 are safe enough').optional())
                      .describe('Cipher suite 17 or 3; default 17, then 3'),
  ipmi_hex_kg_key:   z.string().regex(/^([0-9a-f]{2}){1,20}$/i, 'must be an even number of hex digits, at most 40').optional().describe('The BMC key Kg, hexadecimal'),
  ipmi_bridging:     z.enum(BRIDGINGS, `must be ${BRIDGINGS.join(', ')}`).default('no').describe('Of a machine whose controller is behind the BMC: single (one bus) or dual (two); default no'),
  ipmi_target_channel:  byte(15).describe('Channel that the machine\'s controller is on. Needed with ipmi_bridging'),
  ipmi_target_address:  byte(255).describe('Address of the machine\'s controller there, such as 0x82. Needed with ipmi_bridging'),
  ipmi_transit_channel: byte(15).describe('Channel that the controller in between is on. Needed with ipmi_bridging dual'),
  ipmi_transit_address: byte(255).describe('Address of the controller in between. Needed with ipmi_bridging dual'),
  ipmi_local_address:   byte(255).describe('Address of the BMC on its bus, with ipmi_bridging; default 0x20'),
  ipmi_terminal_port: z.coerce.number().int().min(1024).max(65_535).optional().describe('TCP port of the console, on the conductor; default any of its consolePorts'),
  ipmi_disable_boot_timeout: flag.default(true).describe('Tell the BMC not to forget a boot device after a minute; default true'),
}).superRefine((info, context) => {
  for (const field of neededFor(info.ipmi_bridging))
    if (info[field] === undefined)
      context.addIssue({ code: 'custom', path: [field], message: `is needed with ipmi_bridging ${info.ipmi_bridging}` })
})
export type IpmiInfo = z.output<typeof ipmiInfo>

function neededFor(bridging: (typeof BRIDGINGS)[number]) {
  const target = ['ipmi_target_channel', 'ipmi_target_address'] as const
  const transit = ['ipmi_transit_channel', 'ipmi_transit_address'] as const
  return bridging === 'no' ? [] : bridging === 'single' ? target : ([...target, ...transit] as const)
}

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

/** What the user may do at most. */
export function levelOf({ ipmi_priv_level: level }: IpmiInfo): 'administrator' | 'operator' {
  return level === 'ADMINISTRATOR' ? 'administrator' : 'operator'
}

/** The way to the machine's own controller; undefined: it is the BMC. */
export function bridgeOf(info: IpmiInfo): Bridge | undefined {
  if (info.ipmi_bridging === 'no') return undefined
  const target = { channel: info.ipmi_target_channel!, address: info.ipmi_target_address! }
  const localAddress = info.ipmi_local_address
  if (info.ipmi_bridging === 'single') return { hops: [target], localAddress }
  return { hops: [{ channel: info.ipmi_transit_channel!, address: info.ipmi_transit_address! }, target], localAddress }
}
