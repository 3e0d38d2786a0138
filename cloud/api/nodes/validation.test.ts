// What cannot work is refused before it is begun: a deployment, and a change of power, whose node fails its validation.
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { FaultError } from '../../../shared/faults.ts'
import { startTestSite } from '#test-site'
import type { TestSite } from '../../hosts/test-site.ts'
import { FAKE_DRIVER } from '../../hosts/test-conductor.ts'
import { newNode } from '../testdata/samples.ts'

let site: TestSite
let said: Record<string, unknown>
let asked: unknown[]
let fails: 'lease.lapsed' | 'internal' | undefined
const broken = (reason: string) => ({ result: false, reason })
beforeAll(async () => {
  site = await startTestSite({
    answer({ interface: iface, method, args }) {
      if (iface !== 'node' || method !== 'validate') return null
      asked.push(args)
      if (fails !== undefined) throw new FaultError(fails, 'for this test')
      return { power: { result: true }, deploy: { result: true }, ...said }
    },
  })
})
beforeEach(() => {
  said = {}
  asked = []
  fails = undefined
})
afterAll(() => site.stop())

const put = (uuid: string, where: string, target: string) =>
  site.api('PUT', `/v1/nodes/${uuid}/states/${where}`, { target })
const stateOf = async (uuid: string) => (await site.api('GET', `/v1/nodes/${uuid}`)).body.provision_state as string
const instance = { image_source: 'http://images/a', image_checksum: 'x' }

it.each([
  ['available', 'active', 'deploy'],
  ['active', 'rebuild', 'deploy'],
  ['deploy failed', 'active', 'power'],
])('from %s, %s of a node whose %s is not valid is a 400, and nothing is begun', async (state, verb, iface) => {
  const uuid = await newNode(site, { instance_info: instance }, `provision_state = '${state}'`)
  said = { [iface]: broken('instance_info.image_source must be an http or https URL') }
  const { status, body } = await put(uuid, 'provision', verb)
  expect([status, body.detail]).toEqual([
    400,
    expect.stringContaining(
      `Failed to validate ${iface} of node ${uuid}: instance_info.image_source must be an http or https URL`,
    ),
  ])
  expect(await stateOf(uuid)).toBe(state)
  const { power, deploy } = FAKE_DRIVER.interfaces
  const interfaces = expect.objectContaining({ power: power![0], deploy: deploy![0] }) as object
  expect(asked).toEqual([{ instance_info: instance, interfaces }])
})

it('a conductor that loses its lease while it is asked keeps nobody from asking: the work will find out', async () => {
  const uuid = await newNode(site, {}, "provision_state = 'manageable'")
  fails = 'internal'
  expect((await put(uuid, 'power', 'power on')).status).toBe(500)
  fails = 'lease.lapsed'
  expect((await put(uuid, 'power', 'power on')).status).toBe(202)
})

it('a dry run says so, too', async () => {
  const uuid = await newNode(site, {}, "provision_state = 'available'")
  said = { deploy: broken('no image') }
  expect((await site.api('PUT', `/v1/nodes/${uuid}/states/provision?dry_run=true`, { target: 'active' })).status).toBe(
    400,
  )
})

it('power of a node without a BMC’s address is a 400, and no error is left on it', async () => {
  const uuid = await newNode(site, {}, "provision_state = 'manageable'")
  said = { power: broken('ipmi_address is missing'), deploy: broken('ipmi_address is missing') }
  const { status, body } = await put(uuid, 'power', 'power on')
  expect([status, body.detail]).toEqual([400, expect.stringContaining('ipmi_address is missing')])
  expect((await site.api('GET', `/v1/nodes/${uuid}`)).body).toMatchObject({
    last_error: null,
    target_power_state: null,
  })
})

it('an instance that wants what the node lacks: validate and active say the same', async () => {
  const uuid = await newNode(
    site,
    { instance_info: { ...instance, traits: ['CUSTOM_GPU'] } },
    "provision_state = 'available'",
  )
  const reason = `The instance wants traits that node ${uuid} lacks: CUSTOM_GPU.`
  const validated = await site.api('GET', `/v1/nodes/${uuid}/validate`)
  expect(validated.body).toEqual({ power: { result: true }, deploy: { result: false, reason } })
  const { status, body } = await put(uuid, 'provision', 'active')
  expect([status, body.detail]).toEqual([400, expect.stringContaining(reason)])
  await site.api('PUT', `/v1/nodes/${uuid}/traits`, { traits: ['CUSTOM_GPU'] })
  expect((await site.api('GET', `/v1/nodes/${uuid}/validate`)).body.deploy).toEqual({ result: true })
  expect((await put(uuid, 'provision', 'active')).status).toBe(202)
})
