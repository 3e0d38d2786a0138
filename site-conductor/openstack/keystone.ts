// Keystone v3: a login, and what is in its answer (Identity API v3, "Password authentication with scoped authorization" and its neighbours).
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import type { OpenStackConfig } from './config.ts'
import { OpenStackError } from './errors.ts'

/** What one may do, until when, and where the services are. */
export interface Login {
  readonly token: string
  /** Milliseconds since 1970. */
  readonly expiresAt: number
  readonly projectId: string | undefined
  readonly catalogue: Catalogue
}

const Catalogue = z.array(
  z.object({
    type: z.string(),
    endpoints: z.array(
      z.object({
        interface: z.string(),
        region: z.string().nullish(),
        region_id: z.string().nullish(),
        url: z.string(),
      }),
    ),
  }),
)
type Catalogue = z.infer<typeof Catalogue>

const Token = z.object({
  token: z.object({
    expires_at: z.iso.datetime({ offset: true }),
    project: z.object({ id: z.string() }).optional(),
    catalog: Catalogue.default([]),
  }),
})

export function tokensUrl(authUrl: string): string {
  const base = authUrl.replace(/\/+$/, '')
  return `${base.endsWith('/v3') ? base : `${base}/v3`}/auth/tokens`
}

/** Throws an OpenStackError where the file cannot be read or holds nothing. */
export async function readSecret(file: string): Promise<string> {
  const hint = 'correct secretFile in the OpenStack file of the conductor, and who may read it'
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new OpenStackError('openstack.authentication', `${file} (secretFile) cannot be read: ${error.message}`, {
      hint,
    })
  })
  if (text.trim() !== '') return text.trim()
  throw new OpenStackError('openstack.authentication', `${file} (secretFile) is empty`, { hint })
}

/** The body of the login. */
export function loginBody(config: OpenStackConfig, secret: string): unknown {
  const project = config.project && { project: { name: config.project, domain: { name: config.projectDomain } } }
  const scope = project && { scope: project }
  switch (config.authType) {
    case 'password': {
      const user = { name: config.username, domain: { name: config.userDomain }, password: secret }
      return { auth: { identity: { methods: ['password'], password: { user } }, ...scope } }
    }
    case 'application_credential':
      // Its project is its own; to ask for one is refused.
      return {
        auth: {
          identity: {
            methods: ['application_credential'],
            application_credential: { id: config.credentialId, secret },
          },
        },
      }
    default:
      return { auth: { identity: { methods: ['token'], token: { id: secret } }, ...scope } }
  }
}

/** Throws an OpenStackError for an answer that is none of Keystone's. */
export function readLogin(token: string | string[] | undefined, body: string): Login {
  const parsed = Token.safeParse(parse(body))
  if (typeof token !== 'string' || !parsed.success)
    throw new OpenStackError(
      'openstack.refused',
      'what answers at authUrl is not Keystone v3: its answer to a login has no token',
      {
        hint: 'correct authUrl in the OpenStack file of the conductor',
      },
    )
  const { expires_at: expires, project, catalog } = parsed.data.token
  return { token, expiresAt: Date.parse(expires), projectId: project?.id, catalogue: catalog }
}

/** The URL of a service that goes by any of these types, of the first kind of endpoint that it has; undefined when it has none. */
export function endpointIn(
  catalogue: Catalogue,
  types: readonly string[],
  { region, interfaces }: Pick<OpenStackConfig, 'region' | 'interfaces'>,
): string | undefined {
  for (const type of types) {
    const all = catalogue.filter((service) => service.type === type).flatMap(({ endpoints }) => endpoints)
    const here = all.filter((each) => region === undefined || each.region_id === region || each.region === region)
    for (const kind of interfaces) {
      const found = here.find((each) => each.interface === kind)
      if (found) return found.url
    }
  }
  return undefined
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
