// `#test-site` in workerd: all suites share its Worker, its bucket and the directory, and each site has an organisation of its own.
import { env } from 'cloudflare:test'
import { inject } from 'vitest'
import { siteOn, type StartTestSite } from '../test-site.ts'
import { BucketBlobs } from './blobs.ts'
import { storeOf, type WorkerEnv } from './environment.ts'
import { host } from './test-host.ts'

export const startTestSite: StartTestSite = async (options) => {
  const response = await fetch(inject('organisations'), { method: 'POST' })
  if (!response.ok) throw new Error(`no organisation: ${await response.text()}`)
  const bindings = env as unknown as WorkerEnv
  const own = {
    ...host,
    token: await response.text(),
    store: storeOf(bindings),
    blobs: new BucketBlobs(bindings.BLOBS),
    blobKeys: async () => (await bindings.BLOBS.list()).objects.map(({ key }) => key),
    // Its database ends with sqld.
    stop: () => Promise.resolve(),
  }
  return siteOn(own, options)
}
