// Questions to machines that the hub relays, and what becomes of them when a connection ends.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HubBench } from './testdata/hub-bench.ts'

let bench: HubBench
beforeEach(async () => void (bench = await HubBench.make()))
afterEach(() => bench.close())

test('the end of the old socket of a reconnect fails what was asked on it, and nothing that was asked on the new one', async () => {
  const old = await bench.connect('a')
  const node = await bench.newNode()
  const ask = () =>
    bench.command('call', { node, interface: 'power', method: 'get_power_state', args: {}, timeoutMs: 1000 })
  const lost = ask()
  await expect.poll(() => old.of('call').length).toBe(1)
  const present = await bench.connect('a')
  const call = ask()
  await expect.poll(() => present.of('call').length).toBe(1)
  await bench.disconnect(old)
  await bench.say(present, { type: 'answer', rid: present.last('call').rid, result: 'power on' })
  expect(await call).toEqual({ ok: true, value: 'power on' })
  expect(await lost).toMatchObject({ ok: false, fault: { code: 'site.no_conductor' } })
})

test('a call is relayed and answered; one that is lost with its conductor is a fault', async () => {
  const peer = await bench.connect('a')
  const node = await bench.newNode()
  const call = () =>
    bench.command('call', { node, interface: 'management', method: 'get_boot_device', args: {}, timeoutMs: 1000 })
  const answered = call()
  await expect.poll(() => peer.of('call').length).toBe(1)
  await bench.say(peer, { type: 'answer', rid: peer.last('call').rid, result: { boot_device: 'pxe' } })
  expect(await answered).toEqual({ ok: true, value: { boot_device: 'pxe' } })
  const lost = call()
  await expect.poll(() => peer.of('call').length).toBe(2)
  await bench.disconnect(peer)
  expect(await lost).toMatchObject({ ok: false, fault: { code: 'site.no_conductor' } })
})
