// driver_info of the Redfish driver, with Ironic's names, and the BMC that it describes.
import { z } from 'zod'
import { commonInfo } from '../common-info.ts'
import { parseEndpoint } from '../../redfish/endpoint.ts'
import type { Bmc } from '../../redfish/session.ts'
import type { Verify } from '../../redfish/wire.ts'
import { serialInfo } from './serial-info.ts'

const AUTH_TYPES = ['basic', 'session', 'auto'] as const

const address = z
  .string()
  .trim()
  .min(1)
  .max(1024)
  .refine((text) => endpointError(text) === undefined, { error: ({ input }) => endpointError(String(input)) ?? '' })

/** Ironic's words for yes and no; any other text is a path. */
function verifyOf(value: unknown): unknown {
  if (typeof value !== 'string') return value
  const word = value.trim().toLowerCase()
  if (['true', 't', 'on', 'yes', 'y', '1'].includes(word)) return true
  return ['false', 'f', 'off', 'no', 'n', '0'].includes(word) ? false : value
}

const verify = z.preprocess(
  verifyOf,
  z.union(
    [z.boolean(), z.string().max(1024).startsWith('/')],
    'must be true, false or the absolute path of a file or folder',
  ),
)

// prettier-ignore
export const redfishInfo = z.looseObject({
  ...commonInfo,
  redfish_address:   address.describe('URL of the BMC; https when it has no scheme. A path is the service root, /redfish/v1/ without one. Required.'),
  redfish_system_id: z.string().trim().min(1).max(512).startsWith('/', 'must be a path, such as /redfish/v1/Systems/1').optional()
                      .describe('Path of the ComputerSystem, such as /redfish/v1/Systems/1. Needed where the BMC has several'),
  redfish_username:  z.string().max(256).optional().describe('User with administrator privilege; nobody logs in when absent'),
  redfish_password:  z.string().max(1024).default('').describe('Password of the user'),
  redfish_verify_ca: verify.default(true).describe("true: the certificate is checked by the conductor's authorities; false: not at all; or the path of a file or folder, on the conductor, with authorities (PEM)"),
  redfish_auth_type: z.enum(AUTH_TYPES, `must be ${AUTH_TYPES.join(', ')}`).default('auto').describe('basic, session, or auto: session, and basic where the BMC has no sessions'),
  external_http_url: z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/+$/, '')).optional()
                      .describe('Where this BMC reaches its conductor over HTTP, for virtual media; else what the conductor has for its network (externalHttpUrls), or for machines'),
  redfish_kvm_path:  z.string().trim().max(512).startsWith('/', 'must be a path, such as /kvm/0').default('/kvm/0')
                      .describe("Path of the WebSocket on which the BMC speaks RFB, for console interface redfish-graphical; default OpenBMC's, /kvm/0"),
  ...serialInfo,
})
export type RedfishInfo = z.output<typeof redfishInfo>

function endpointError(text: string): string | undefined {
  try {
    parseEndpoint(text)
    return undefined
  } catch (error) {
    return `must be the URL of a BMC: ${(error as Error).message}`
  }
}

export function bmcOf(info: RedfishInfo): Bmc {
  return {
    endpoint: parseEndpoint(info.redfish_address),
    username: info.redfish_username,
    password: info.redfish_password,
    auth: info.redfish_auth_type,
    verify: info.redfish_verify_ca as Verify,
  }
}
