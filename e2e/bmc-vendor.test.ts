// Vendor methods of IPMI from the API to the BMC's log: raw bytes and a reset of the BMC.
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
