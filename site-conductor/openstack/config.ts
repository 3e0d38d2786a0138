// How this conductor reaches the OpenStack of its site: a JSON file of its own (`openstackFile`), for it is a tree, and its keys are many. Secrets are in
// files beside it. Nothing of it is ever told to the cloud.
import { readFile } from 'node:fs/promises'
import { z } from 'zod'

const url = z
  .string()
  .regex(/^https?:\/\/[^/?#@\s]+(\/[^?#\s]*)?$/, 'must be an http or https URL without user, query and fragment')
const path = z.string().startsWith('/', 'must be an absolute path')
const name = z.string().min(1).max(255)

/** Keystone's ways of saying who one is, in its own words. */
export const AUTH_TYPES = ['none', 'password', 'application_credential', 'token'] as const

const ofWork = <T extends z.ZodType>(each: T) =>
  z
    .strictObject({
      provisioning: each.optional(),
      cleaning: each.optional(),
      rescuing: each.optional(),
      inspection: each.optional(),
      servicing: each.optional(),
    })
    .default({})

// prettier-ignore
export const NeutronSettings = z.strictObject({
  networks:      ofWork(name).describe('Networks of nodes that name none in driver_info, by names or UUIDs: provisioning, cleaning, rescuing, inspection, servicing'),
  securityGroups: ofWork(z.array(name)).describe('UUIDs of the security groups of the ports there, by the same keys'),
  dhcp:          z.enum(['neutron', 'conductor']).default('neutron').describe('Who gives machines on these networks their addresses. neutron: its DHCP agent, which is told by extra_dhcp_opts what they boot; conductor: this one (bootMode), from the pool of its site, on subnets without DHCP'),
  addAllPorts:   z.boolean().default(false).describe('Put all ports of a node on these networks, not only those with pxe_enabled'),
  portActiveTimeoutS: z.int().min(0).max(3600).default(0).describe('Seconds in which a port must become ACTIVE; 0: nobody waits for that'),
})
export type NeutronSettings = z.output<typeof NeutronSettings>

// prettier-ignore
export const OpenStackConfig = z.strictObject({
  authType:      z.enum(AUTH_TYPES).default('password').describe('How Keystone is told who this is; none: the services at `endpoints` are asked without a token'),
  authUrl:       url.optional().describe('Keystone, with or without /v3 at its end; needed unless authType is none'),
  username:      name.optional().describe('Of authType password'),
  userDomain:    name.default('Default').describe('Name of the domain that the user is in'),
  project:       name.optional().describe('Name of the project whose resources are used; needed with authType password, and with none by a Cinder'),
  projectDomain: name.default('Default').describe('Name of the domain that the project is in'),
  credentialId:  name.optional().describe('Of authType application_credential'),
  secretFile:    path.optional().describe('File with the password, the secret of the application credential, or the token; read at every login, so that it may change'),
  caFile:        path.optional().describe('Certificates (PEM) by which servers are believed instead of those of this host'),
  region:        name.optional().describe('Of the endpoints; where it is not set, those of any region'),
  interfaces:    z.array(z.enum(['internal', 'public', 'admin'])).min(1).default(['internal', 'public']).describe('Kinds of endpoints, the ones that are preferred first'),
  endpoints:     z.record(z.string().max(60), url).default({}).describe('URLs of services by their types, instead of those in the catalogue: {"network": "http://10.0.0.5:9696"}'),
  neutron:       NeutronSettings.prefault({}).describe('For network interface neutron, see below'),
  timeoutS:      z.number().min(1).max(300).default(30).describe('Seconds that one answer may take'),
  retries:       z.int().min(0).max(10).default(3).describe('How often a question is repeated that nobody answered, or that was answered with 429, 502, 503 or 504'),
}).superRefine((config, { addIssue }) => {
  const need = (key: 'authUrl' | 'username' | 'project' | 'credentialId' | 'secretFile') => {
    if (config[key] === undefined) addIssue({ code: 'custom', path: [key], message: `is needed with authType ${config.authType}` })
  }
  if (config.authType === 'none') return
  need('authUrl')
  need('secretFile')
  if (config.authType === 'password') for (const key of ['username', 'project'] as const) need(key)
  if (config.authType === 'application_credential') need('credentialId')
})
export type OpenStackConfig = z.output<typeof OpenStackConfig>

/** Throws an Error that names every mistake, one per line. */
export async function readOpenStackConfig(file: string): Promise<OpenStackConfig> {
  let given: unknown
  try {
    given = JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw new Error(`${file} (openstackFile) cannot be read: ${(error as Error).message}`, { cause: error })
  }
  const parsed = OpenStackConfig.safeParse(given)
  if (parsed.success) return parsed.data
  throw new Error(parsed.error.issues.map((issue) => `${file}: ${issue.path.join('.')}: ${issue.message}`).join('\n'))
}

/** What `check` prints of it. It has no secrets: those are in files. */
export function describeOpenStack(config: OpenStackConfig): string {
  return Object.entries(config)
    .map(([key, value]) => `openstack.${key.padEnd(14)} ${JSON.stringify(value)}`)
    .join('\n')
}
