// Vendor methods from the API to the BMC: raw bytes and a reset of the BMC by IPMI, subscriptions to its events by Redfish.
import { expect, test } from 'vitest'
import { startStory } from './story.ts'

test('raw bytes and a reset of the BMC are asked for through the API, and raw bytes as a chosen step are not', async (context) => {
  await using story = await startStory(context)
  const { api, machine, node } = story
  const passthru = `/nodes/${node}/vendor_passthru`
  const told = (command: string) => machine.bmc.log.of(command).map(({ detail, privilege }) => ({ detail, privilege }))
  await api.provision(node, 'manage')
  await story.reach('manageable')

  expect(await api.call('GET', `${passthru}/methods`)).toMatchObject({
    send_raw: { http_methods: ['POST'], async: true, require_exclusive_lock: true },
    bmc_reset: { http_methods: ['POST'], async: true, require_exclusive_lock: true },
  })
  await expect(api.call('POST', `${passthru}/send_raw`, {})).rejects.toMatchObject({ status: 400 })
  expect(await api.call('POST', `${passthru}/send_raw`, { raw_bytes: '0x00 0x08 0x03 0x08' })).toBeUndefined()
  await story.until('the bytes', () => told('Set System Boot Options').length > 0)
  expect(told('Set System Boot Options')).toEqual([{ detail: 'flag clearing 0x8', privilege: 4 }])
  await story.reach('manageable')

  await api.call('POST', `${passthru}/bmc_reset`, { warm: false })
  await story.until('the reset', () => told('Cold Reset').length > 0)
  expect(await story.reach('manageable')).toMatchObject({ last_error: null })
  expect([told('Cold Reset'), told('Warm Reset')]).toEqual([[{ detail: '', privilege: 4 }], []])
  expect(told('Chassis Control')).toEqual([])

  const clean_steps = [{ interface: 'vendor', step: 'send_raw', args: { raw_bytes: '0x00 0x02 0x01' } }]
  await expect(api.provision(node, 'clean', { clean_steps })).rejects.toMatchObject({
    status: 400,
    message: expect.stringContaining('vendor.send_raw is not allowed'),
  })
  await story.reach('manageable')
})

test('subscriptions to a BMC’s events are made, seen and deleted through the API, and answered at once', async (context) => {
  await using story = await startStory(context, { driver: 'redfish' })
  const { api, machine, node } = story
  const call = (method: string, name: string, body?: object) =>
    api.call(method, `/nodes/${node}/vendor_passthru/${name}`, body)
  const { subscriptions } = machine.redfish!.machine
  const Destination = 'http://192.0.2.1/events'
  const made = { Id: '1', Context: '', Protocol: 'Redfish', Destination, EventTypes: ['Alert'] }
  expect(await call('POST', 'create_subscription', { Destination })).toEqual(made)
  await call('POST', 'create_subscription', { Destination })
  expect([...subscriptions.keys()]).toEqual(['1', '2'])
  expect(await call('GET', 'get_all_subscriptions')).toMatchObject({ 'Members@odata.count': 2 })
  expect(await call('GET', 'get_subscription?id=1')).toEqual(made)
  await expect(call('POST', 'create_subscription', {})).rejects.toMatchObject({ status: 400 })
  await expect(call('GET', 'delete_subscription?id=1')).rejects.toMatchObject({ status: 400 })
  await call('DELETE', 'delete_subscription', { id: '1' })
  await call('DELETE', 'delete_subscription?id=2')
  expect(subscriptions.size).toBe(0)
  await expect(call('DELETE', 'delete_subscription?id=2')).rejects.toMatchObject({ status: 404 })
})
