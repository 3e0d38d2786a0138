// What the Worker is configured with (wrangler.toml: bindings and variables; tokens are secrets), and the store made of it.
import type { Ports } from '../../ports.ts'
import { HttpStore } from '../../store/http.ts'
import type { SiteHubObject } from './site-hub-object.ts'

export interface WorkerEnv {
  readonly SITE_HUB: DurableObjectNamespace<SiteHubObject>
  readonly BLOBS: R2Bucket
  readonly DIRECTORY_URL: string
  readonly DIRECTORY_TOKEN?: string
  /** `{organisation}` in it becomes the id, where each organisation has a host name of its own. */
  readonly ORGANISATION_URL: string
  readonly ORGANISATION_TOKEN?: string
  /** How long a change of a locked node waits before it is refused with 409; without it 2000. */
  readonly LOCK_WAIT_MS?: string
}

export function storeOf(env: WorkerEnv): HttpStore {
  return new HttpStore(
    { url: env.DIRECTORY_URL, token: env.DIRECTORY_TOKEN },
    { url: env.ORGANISATION_URL, token: env.ORGANISATION_TOKEN },
  )
}

/** One JSON object per line; the platform collects them. */
export const log: Ports['log'] = (level, event, fields) => {
  console[level](JSON.stringify({ level, event, ...fields }))
}
