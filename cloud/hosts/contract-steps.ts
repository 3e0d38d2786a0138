// What tests of the hosts' contract share: expectations that say what was got, and a site with a conductor of its own.
import { ask, enrol, fresh, TestConductor, type Enrolled, type HostUnderTest, type Reply } from './test-conductor.ts'

export interface ContractTest {
  readonly name: string
  readonly run: (host: HostUnderTest) => Promise<void>
}

export function expect(actual: unknown, wanted: unknown, what: string): void {
  if (JSON.stringify(actual) !== JSON.stringify(wanted)) {
    throw new Error(`${what}: expected ${JSON.stringify(wanted)} but got ${JSON.stringify(actual)}`)
  }
}

export function expectStatus(reply: Reply, status: number): Reply {
  expect(reply.status, status, `status of the answer ${reply.text.slice(0, 500)}`)
  return reply
}

/** A conductor of a site of its own, so that tests do not meet. */
export async function withConductor(
  host: HostUnderTest,
  test: (site: string, conductor: TestConductor, enrolled: Enrolled) => Promise<void>,
): Promise<void> {
  const site = fresh('site')
  expectStatus(await ask(host, 'POST', '/v1/sites', { name: site }), 201)
  const enrolled = await enrol(host, site, site)
  const answers: Record<string, unknown> = {
    get_boot_device: { boot_device: 'pxe', persistent: false },
    get_supported_boot_devices: { supported_boot_devices: ['pxe'] },
  }
  const conductor = await TestConductor.start(host, enrolled, site, { answer: ({ method }) => answers[method] })
  try {
    await test(site, conductor, enrolled)
  } finally {
    conductor.stop()
  }
}

export async function makeNode(host: HostUnderTest, site: string, more: Record<string, unknown> = {}): Promise<string> {
  const body = { driver: 'fake-hardware', conductor_group: site, name: fresh('node'), ...more }
  return expectStatus(await ask(host, 'POST', '/v1/nodes', body), 201).body.uuid
}

/** Moves the node by `target` and waits until it is in `state`. */
export async function drive(host: HostUnderTest, node: string, target: string, state: string): Promise<void> {
  expectStatus(await ask(host, 'PUT', `/v1/nodes/${node}/states/provision`, { target }), 202)
  let seen: unknown
  for (let i = 0; i < 400; i++) {
    seen = (await ask(host, 'GET', `/v1/nodes/${node}?fields=provision_state,last_error`)).body
    if ((seen as { provision_state: string }).provision_state === state) return
    await new Promise((done) => setTimeout(done, 10))
  }
  throw new Error(`the node did not come to ${state} by ${target}: ${JSON.stringify(seen)}`)
}
