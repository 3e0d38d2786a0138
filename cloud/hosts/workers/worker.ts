// The cloud on Workers: requests here, one Durable Object per site, libSQL over HTTP, blobs in R2.
import { waitUntil } from 'cloudflare:workers'
import { systemEnv } from '../../../shared/env.ts'
import { createApp } from '../../app.ts'
import { LOCK_WAIT_MS, type Ports } from '../../ports.ts'
import { BucketBlobs } from './blobs.ts'
import { log, storeOf, type WorkerEnv } from './environment.ts'
import { ObjectHubs } from './object-hubs.ts'
import { SiteHubObject } from './site-hub-object.ts'

export { SiteHubObject }

function portsOf(env: WorkerEnv): Ports {
  return {
    env: systemEnv,
    store: storeOf(env),
    hub: new ObjectHubs(env.SITE_HUB),
    blobs: new BucketBlobs(env.BLOBS),
    noAuth: false,
    lockWaitMs: env.LOCK_WAIT_MS === undefined ? LOCK_WAIT_MS : Number(env.LOCK_WAIT_MS),
    background: waitUntil,
    log,
  }
}

const app = createApp<WorkerEnv>((_request, env) => portsOf(env))

export default {
  fetch(request: Request, env: WorkerEnv): Promise<Response> {
    const answered = app.fetch(request, env)
    // A client that hangs up would end its request anywhere: with its Idempotency-Key taken, or a network attached by half.
    waitUntil(answered)
    return answered
  },
} satisfies ExportedHandler<WorkerEnv>
