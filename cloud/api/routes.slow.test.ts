// Every path and method of Ironic's API is served, with and without /v1, from the microversion on that it came with.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestSite } from '#test-site'
import type { TestSite } from '../hosts/test-site.ts'
import { ANSWERS } from '../openapi/testdata/world.ts'
import { newNode } from './testdata/samples.ts'

/** Path, methods, and the N of 1.N; `*` stands for an identifier. */
// prettier-ignore
const IRONIC: readonly (readonly [path: string, methods: string, since: number])[] = [
  ['nodes', 'GET POST', 1],
  ['nodes/detail', 'GET', 1],
  ['nodes/validate?node=*', 'GET', 1],
  ['nodes/*', 'GET PATCH DELETE', 1],
  ['nodes/*/validate', 'GET', 1],
  ['nodes/*/states', 'GET', 1],
  ['nodes/*/states/power', 'PUT', 1],
  ['nodes/*/states/provision', 'PUT', 1],
  ['nodes/*/states/raid', 'PUT', 12],
  ['nodes/*/states/console', 'GET PUT', 1],
  ['nodes/*/states/boot_mode', 'PUT', 76],
  ['nodes/*/states/secure_boot', 'PUT', 76],
  ['nodes/*/maintenance', 'PUT DELETE', 1],
  ['nodes/*/management/boot_device', 'GET PUT', 1],
  ['nodes/*/management/boot_device/supported', 'GET', 1],
  ['nodes/*/management/inject_nmi', 'PUT', 29],
  ['nodes/*/management/indicators', 'GET', 63],
  ['nodes/*/management/indicators/led-0@chassis', 'GET PUT', 63],
  ['nodes/*/vendor_passthru/methods', 'GET', 1],
  ['nodes/*/vendor_passthru/any', 'GET POST PUT PATCH DELETE', 1],
  ['nodes/*/vendor_passthru?method=any', 'GET POST PUT PATCH DELETE', 1],
  ['nodes/*/traits', 'GET PUT DELETE', 37],
  ['nodes/*/traits/CUSTOM_A', 'PUT DELETE', 37],
  ['nodes/*/vifs', 'GET POST', 28],
  ['nodes/*/vifs/some', 'DELETE', 28],
  ['nodes/*/ports', 'GET', 1],
  ['nodes/*/ports/detail', 'GET', 1],
  ['nodes/*/portgroups', 'GET', 24],
  ['nodes/*/portgroups/detail', 'GET', 24],
  ['nodes/*/volume', 'GET', 32],
  ['nodes/*/volume/connectors', 'GET', 32],
  ['nodes/*/volume/targets', 'GET', 32],
  ['nodes/*/bios', 'GET', 40],
  ['nodes/*/bios/some', 'GET', 40],
  ['nodes/*/firmware', 'GET', 86],
  ['nodes/*/allocation', 'GET DELETE', 52],
  ['nodes/*/history', 'GET', 78],
  ['nodes/*/history/*', 'GET', 78],
  ['nodes/*/inventory', 'GET', 81],
  ['nodes/*/children', 'GET', 83],
  ['nodes/*/vmedia', 'POST DELETE', 89],
  ['nodes/*/vmedia', 'GET', 93],
  ['ports', 'GET POST', 1],
  ['ports/detail', 'GET', 1],
  ['ports/*', 'GET PATCH DELETE', 1],
  ['portgroups', 'GET POST', 23],
  ['portgroups/detail', 'GET', 23],
  ['portgroups/*', 'GET PATCH DELETE', 23],
  ['portgroups/*/ports', 'GET', 24],
  ['portgroups/*/ports/detail', 'GET', 24],
  ['volume', 'GET', 32],
  ['volume/connectors', 'GET POST', 32],
  ['volume/connectors/*', 'GET PATCH DELETE', 32],
  ['volume/targets', 'GET POST', 32],
  ['volume/targets/*', 'GET PATCH DELETE', 32],
  ['chassis', 'GET POST', 1],
  ['chassis/detail', 'GET', 1],
  ['chassis/*', 'GET PATCH DELETE', 1],
  ['chassis/*/nodes', 'GET', 1],
  ['chassis/*/nodes/detail', 'GET', 1],
  ['drivers', 'GET', 1],
  ['drivers/fake-hardware', 'GET', 1],
  ['drivers/fake-hardware/properties', 'GET', 1],
  ['drivers/fake-hardware/raid/logical_disk_properties', 'GET', 12],
  ['drivers/fake-hardware/vendor_passthru/methods', 'GET', 1],
  ['drivers/fake-hardware/vendor_passthru/any', 'GET POST PUT PATCH DELETE', 1],
  ['drivers/fake-hardware/vendor_passthru?method=any', 'GET POST PUT PATCH DELETE', 1],
  ['conductors', 'GET', 49],
  ['conductors/c1', 'GET', 49],
  ['allocations', 'GET POST', 52],
  ['allocations/*', 'GET DELETE', 52],
  ['allocations/*', 'PATCH', 57],
  ['deploy_templates', 'GET POST', 55],
  ['deploy_templates/*', 'GET PATCH DELETE', 55],
  ['runbooks', 'GET POST', 92],
  ['runbooks/*', 'GET PATCH DELETE', 92],
  ['runbooks/*/traits', 'GET PUT DELETE', 112],
  ['runbooks/*/traits/CUSTOM_A', 'PUT DELETE', 112],
  ['inspection_rules', 'GET POST DELETE', 96],
  ['inspection_rules/*', 'GET PATCH DELETE', 96],
  ['shards', 'GET', 82],
  ['events', 'POST', 54],
  ['lookup', 'GET', 22],
  ['heartbeat/*', 'POST', 22],
  // Old agents bring what they found without a version.
  ['continue_inspection', 'POST', 1],
]

let site: TestSite
let node: string
beforeAll(async () => {
  site = await startTestSite({ answer: ({ method }) => ANSWERS[method] ?? {} })
  node = await newNode(site)
})
afterAll(() => site.stop())

/** Does some endpoint take it? What it then says is not looked at: most of what is asked for is not there, and no body is right. */
async function isServed(method: string, path: string, version: number): Promise<boolean> {
  const asked = path.replaceAll('*', method === 'DELETE' ? crypto.randomUUID() : node)
  const headers = { 'X-OpenStack-Ironic-API-Version': `1.${version}` }
  const { status, body } = await site.api(method, asked, method === 'GET' ? undefined : {}, headers)
  return (
    ![405, 406].includes(status) &&
    body?.detail !== 'There is nothing at this path.' &&
    !String(body?.detail).startsWith('This needs API')
  )
}

const cases = IRONIC.flatMap(([path, methods, since]) =>
  methods.split(' ').map((method) => [method, path, since] as const),
)
it.each(cases)('%s %s is served from 1.%i on', async (method, path, since) => {
  expect(await isServed(method, `/v1/${path}`, since)).toBe(true)
  expect(await isServed(method, `/${path}`, 112), 'without /v1').toBe(true)
  if (since > 1) expect(await isServed(method, `/v1/${path}`, since - 1), 'in the version before').toBe(false)
})

it('all inspection rules are deleted at once, which is told of each', async () => {
  const actions = [{ op: 'fail', args: { msg: 'no' } }]
  const rules = []
  for (let i = 0; i < 2; i++) rules.push((await site.api('POST', '/v1/inspection_rules', { actions })).body.uuid)
  expect((await site.api('DELETE', '/v1/inspection_rules')).status).toBe(204)
  expect((await site.api('GET', '/v1/inspection_rules')).body.inspection_rules).toEqual([])
  const { body } = await site.api('GET', '/v1/audit?action=inspection_rule.deleted')
  expect(body.audit.map(({ target }: { target: string }) => target).sort()).toEqual(rules.sort())
  expect((await site.api('DELETE', '/v1/inspection_rules')).status, 'also when there is none').toBe(204)
})

it('what no endpoint takes is told apart', async () => {
  expect(await isServed('GET', '/v1/nonsense', 112)).toBe(false)
  expect(await isServed('PUT', '/v1/nodes', 112)).toBe(false)
  const head = await site.api('HEAD', '/v1/nodes')
  expect([head.status, head.headers.get('allow')]).toEqual([405, 'GET, POST'])
})

it('virtual media that there is none of is not detached', async () => {
  for (const types of ['tape', 'cdrom,tape', ''])
    expect((await site.api('DELETE', `/v1/nodes/x/vmedia?device_types=${types}`)).body.detail).toContain('device_types')
})
