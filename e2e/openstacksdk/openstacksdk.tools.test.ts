// Debian's own openstacksdk, every method of its bare metal service, against a site of fake hardware. Judged is what the SDK returns or raises, what
// node and timeline say, and what was done to the machine.
import { expect, test, type TestContext } from 'vitest'
import { startStory, type Story } from '../story.ts'
import { cloudLayer } from './cloud-layer.ts'
import { life } from './life.ts'
import { operating } from './operating.ts'
import { refusals } from './refusals.ts'
import { resources } from './resources.ts'
import { startSdk, type Sdk, type Sdks } from './sdk.ts'

/** Methods that cannot be called here. */
const NOT_CALLED = {
  attach_port_to_machine: 'asks the network service for the port first',
  detach_port_from_machine: 'asks the network service for the port first',
  list_ports_attached_to_machine: 'asks the network service for each port',
}

/** What no test so far has called. */
let leftOut: string[] | undefined

/** How a program may connect. */
function connections({ url: endpoint, token }: Story['cloud']): Record<string, object> {
  const basic = { auth_type: 'http_basic', auth: { endpoint, username: 'anybody', password: token } }
  return {
    token: { auth_type: 'admin_token', auth: { endpoint, token } },
    hasty: { ...basic, baremetal_status_code_retries: 0 },
    old: { ...basic, baremetal_default_microversion: '1.10' },
    'too new': { ...basic, baremetal_default_microversion: '1.999' },
    stranger: { auth_type: 'admin_token', auth: { endpoint, token: 'frp_wrong' } },
  }
}

async function told(context: TestContext, tell: (story: Story, sdk: Sdk, sdks: Sdks) => Promise<void>): Promise<void> {
  await using story = await startStory(context, {
    machines: 0,
    conductorConfig: { boot: false, drivers: ['fake-hardware'] },
  })
  await using sdks = startSdk(connections(story.cloud))
  await tell(story, sdks.through('token'), sdks)
  const uncalled = await sdks.leftOut()
  leftOut = leftOut?.filter((method) => uncalled.includes(method)) ?? uncalled
}

// Each waits for the SDK's next look, two seconds at a time.
test.concurrent.for([
  ['a machine is inspected, cleaned, deployed, rescued, rebuilt, undeployed and adopted', life],
  ['a node is operated: power, boot, maintenance, traits, VIFs, vendor methods', operating],
  ['every other resource is made, found, listed, changed and deleted', resources],
  ['a machine is registered, inspected, deployed and unregistered by the methods of the connection', cloudLayer],
  ["what is refused is the SDK's own exception", refusals],
] as const)('%s', { timeout: 300_000 }, async ([, tell], context) => told(context, tell))

test('no method is left out', () => {
  expect(leftOut).toEqual(Object.keys(NOT_CALLED))
})
