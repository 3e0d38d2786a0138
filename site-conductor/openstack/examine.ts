// For `doctor`: can this conductor log in to the OpenStack of its site, and do the services answer that drivers ask? Changes nothing.
import { type Env, systemEnv } from '../../shared/env.ts'
import { FaultError } from '../../shared/faults.ts'
import { OpenStack, type ServiceName } from './client.ts'
import { readOpenStackConfig } from './config.ts'

export interface Asked {
  /** What works with it. */
  readonly what: string
  readonly service: ServiceName
  /** Of a question that any user may ask. */
  readonly path: string
}

export interface Found {
  readonly what: string
  /** Undefined: well. */
  readonly wrong?: string
  /** Matters only to whoever wants this. */
  readonly isOptional: boolean
}

/** The file and the login are needed, each service by whoever uses what works with it. */
export async function examineOpenStack(file: string, all: readonly Asked[], env: Env = systemEnv): Promise<Found[]> {
  const login = 'the OpenStack of this site'
  let openstack: OpenStack
  try {
    openstack = new OpenStack(env, await readOpenStackConfig(file))
  } catch (error) {
    return [{ what: login, wrong: (error as Error).message, isOptional: false }]
  }
  try {
    const wrong = await whyNot(openstack.projectId())
    if (wrong !== undefined) return [{ what: login, wrong, isOptional: false }]
    const answered = all.map(async ({ what, service, path }): Promise<Found> => {
      const unanswered = await whyNot(openstack.service(service).ask('GET', path))
      return { what, ...(unanswered !== undefined && { wrong: unanswered }), isOptional: true }
    })
    return [{ what: login, isOptional: false }, ...(await Promise.all(answered))]
  } finally {
    await openstack.close()
  }
}

async function whyNot(asked: Promise<unknown>): Promise<string | undefined> {
  try {
    await asked
    return undefined
  } catch (error) {
    if (!(error instanceof FaultError)) return String(error)
    const { message, hint } = error.fault
    return hint ? `${message}; ${hint}` : message
  }
}
