// A site with a connected conductor on a host with an organisation of its own, for suites of the API that run on every host:
// they get it from `#test-site`, which is that of the host that they run on (package.json).
import type { Blobs, Store } from '../ports.ts'
import { ask, enrol, TestConductor, type Enrolled, type HostUnderTest, type Reply, type TestConductorOptions } from './test-conductor.ts' // prettier-ignore

/** Nobody else's rows are in it, and a suite may look and write behind the API's back. */
export interface SuiteHost extends HostUnderTest {
  readonly store: Store
  readonly blobs: Blobs
  /** Keys of all blobs that there are, also of other suites where they share a bucket. */
  blobKeys(): Promise<string[]>
  stop(): Promise<void>
}

/** A server whose site `default` has a connected conductor `c1`, and a client of its API. */
export interface TestSite<Host extends SuiteHost = SuiteHost> {
  readonly host: Host
  readonly conductor: TestConductor
  readonly enrolled: Enrolled
  api(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply>
  stop(): Promise<void>
}

export type StartTestSite = (options?: TestConductorOptions) => Promise<TestSite>

export async function siteOn<Host extends SuiteHost>(
  host: Host,
  options: TestConductorOptions = {},
): Promise<TestSite<Host>> {
  const enrolled = await enrol(host, 'c1')
  const conductor = await TestConductor.start(host, enrolled, 'c1', options)
  return {
    host,
    conductor,
    enrolled,
    api: (method, path, body, headers) => ask(host, method, path, body, headers),
    async stop() {
      conductor.stop()
      await host.stop()
    },
  }
}
