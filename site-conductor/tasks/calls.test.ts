// What a person may ask at once: methods of drivers, validation, and the opening of secrets; and how drivers are found.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import type { FromConductor } from '../../shared/protocol.ts'
import { seal } from '../../shared/sealing.ts'
import { DEAF_AFTER_MS } from './acts.ts'
import { Calls } from './calls.ts'
import { defineDriver } from '../driver.ts'
import { fakeMachine } from '../drivers/fake/machine.ts'
import { FakeEnv } from '../testing/fake-env.ts'
import { fakeGrant, type FakeHub } from '../testing/fake-hub.ts'
import { type FakeSite, fakeSite } from '../testing/fake-site.ts'
import { Grants } from '../link/grants.ts'
import { loadDrivers } from '../drivers/load-drivers.ts'
import { silent } from '../log.ts'
import type { Site } from '../site.ts'
import { moment } from '../link/span.ts'

let site: FakeSite
let hub: FakeHub
let rid = 0

beforeEach(async () => {
  site = await fakeSite({ drivers: ['fake-hardware', 'ipmi'] })
  ;({ hub } = site)
})
afterEach(() => site.close())

/** Its time goes twenty times as fast here. */
async function call(node: string, iface: string, method: string, args = {}, timeoutMs = 60_000) {
  const mine = ++rid
  hub.send({
    type: 'call',
    rid: mine,
    node,
    epoch: hub.grants.get(node)!.epoch,
    interface: iface,
    method,
    args,
    timeoutMs,
  })
  return await hub.next('answer', (frame) => frame.rid === mine)
}

test('a node is in use until the driver has come back from a call, also from one that was answered as fenced', async () => {
  const env = new FakeEnv()
  const grants = new Grants(env)
  grants.startLease({ from: moment(env), ms: 15_000 })
  grants.add(fakeGrant('leaving', { driver: 'slow', interfaces: { power: 'slow' } }))
  const [entered, back] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  // What has gone out to a BMC cannot be called back: this method does not look at its signal.
  const methods = { get_power_state: async () => (entered.resolve(), await back.promise, 'power on') }
  const driver = defineDriver({
    name: 'slow',
    about: 'for this test',
    info: z.looseObject({}),
    secrets: [],
    interfaces: { power: { slow: { steps: {}, methods } }, management: { slow: { steps: {} } } },
  })
  const sent: FromConductor[] = []
  const calls = new Calls({
    env,
    log: silent,
    grants,
    drivers: new Map([['slow', driver]]),
    site: {} as Site,
    send: (message) => void sent.push(message),
    note: () => {},
  })
  const about = { type: 'call' as const, rid: 1, node: 'leaving', epoch: 1, args: {}, timeoutMs: 5_000 }
  const answered = calls.answer({ ...about, interface: 'power', method: 'get_power_state' })
  await entered.promise
  grants.drop('leaving')
  await answered
  expect(sent).toMatchObject([{ type: 'answer', fault: { code: 'fenced' } }])
  let isFree = false
  const ended = calls.ended('leaving').then(() => (isFree = true))
  await calls.ended('another')
  expect(isFree).toBe(false)
  back.resolve()
  await ended
})

test('a call that never comes back keeps its node for two minutes, and is named', async () => {
  const env = new FakeEnv()
  const grants = new Grants(env)
  grants.startLease({ from: moment(env), ms: 15_000 })
  grants.add(fakeGrant('leaving', { driver: 'deaf', interfaces: { power: 'deaf' } }))
  const entered = Promise.withResolvers<void>()
  const methods = { get_power_state: () => (entered.resolve(), new Promise(() => {})) }
  const driver = defineDriver({
    name: 'deaf',
    about: 'for this test',
    info: z.looseObject({}),
    secrets: [],
    interfaces: { power: { deaf: { steps: {}, methods } }, management: { deaf: { steps: {} } } },
  })
  const drivers = new Map([['deaf', driver]])
  const calls = new Calls({ env, log: silent, grants, drivers, site: {} as Site, send: () => {}, note: () => {} })
  const about = { type: 'call' as const, rid: 1, node: 'leaving', epoch: 1, args: {}, timeoutMs: 5_000 }
  const answered = calls.answer({ ...about, interface: 'power', method: 'get_power_state' })
  await entered.promise
  grants.drop('leaving')
  await answered
  const ended = calls.ended('leaving')
  env.advance(DEAF_AFTER_MS)
  expect(await ended).toEqual(['power.get_power_state'])
})

test('power state and boot device are read and set', async () => {
  hub.grants.set('called', fakeGrant('called'))
  await site.start()
  await hub.next('hello')
  expect(await call('called', 'power', 'get_power_state')).toMatchObject({ result: 'power off' })
  await call('called', 'management', 'set_boot_device', { boot_device: 'pxe', persistent: false })
  expect(fakeMachine('called').bootDevice).toEqual({ boot_device: 'pxe', persistent: false })
  expect((await call('called', 'management', 'get_boot_device')).result).toEqual({
    boot_device: 'pxe',
    persistent: false,
  })
  expect((await call('called', 'management', 'get_supported_boot_devices')).result).toMatchObject({
    supported_boot_devices: expect.arrayContaining(['pxe']) as string[],
  })
  expect((await call('called', 'power', 'explode')).fault?.code).toBe('driver.unsupported')
})

test('validate answers per interface with the reason, and names no secret', async () => {
  const sealed = await seal(
    site.siteKey.publicKey,
    { organisation: 'o', site: 's', node: 'other', field: 'driver_info.ipmi_password' },
    'hunter2',
  )
  hub.grants.set('v1', fakeGrant('v1', { interfaces: { power: 'fake', console: 'ipmitool-socat' } }))
  hub.grants.set('v2', fakeGrant('v2', { driver: 'ipmi', driverInfo: { ipmi_password: 'hunter2' } }))
  hub.grants.set('v3', fakeGrant('v3', { driver: 'ipmi', driverInfo: { ipmi_address: 'bmc', ipmi_password: sealed } }))
  await site.start()
  await hub.next('hello')
  expect((await call('v1', 'node', 'validate')).result).toMatchObject({
    power: { result: true },
    deploy: { result: true },
    console: { result: null, reason: expect.stringContaining('no console interface') as string },
  })
  const missing = (await call('v2', 'node', 'validate')).result
  const refused = { result: false, reason: 'driver_info of node v2: ipmi_address is missing' }
  const unsupported = (kind: string) => `Driver ipmi does not support ${kind} (disabled or not implemented).`
  expect(missing).toMatchObject({
    power: refused,
    management: refused,
    rescue: { result: false, reason: unsupported('rescue') },
    raid: { result: false, reason: unsupported('raid') },
    network: { result: true },
  })
  const foreign = (await call('v3', 'node', 'validate')).result
  expect(foreign).toMatchObject({
    power: { result: false, reason: expect.stringContaining('cannot be opened') as string },
  })
  expect(JSON.stringify(hub.frames)).not.toContain('hunter2')
})

test('a sealed secret is opened for the driver, and boot: false is said by validate', async () => {
  const password = await seal(
    site.siteKey.publicKey,
    { organisation: 'o', site: 's', node: 'v4', field: 'driver_info.ipmi_password' },
    'hunter2',
  )
  hub.grants.set(
    'v4',
    fakeGrant('v4', { driver: 'ipmi', driverInfo: { ipmi_address: 'bmc', ipmi_password: password } }),
  )
  await site.start()
  await hub.next('hello')
  expect((await call('v4', 'node', 'validate')).result).toMatchObject({
    power: { result: true },
    boot: { result: false, reason: expect.stringContaining('switched off') as string },
  })
})

test.each([
  [{}, 'instance_info.image_source is missing'],
  [{ image_source: 'not a url', image_checksum: 'x' }, 'instance_info.image_source must be an http or https URL'],
  [{ image_source: 'http://images/a' }, 'instance_info has no digest of the image'],
  [{ image_source: 'http://images/a', image_checksum: 'x' }, undefined],
  [{ deploy_interface: 'nobody-has-it' }, 'driver ipmi has no deploy interface nobody-has-it'],
  [undefined, undefined],
])('of the instance %o deploy says: %s', async (instance, reason) => {
  for (const kind of ['direct', 'iscsi']) {
    const more = { driver: 'ipmi', driverInfo: { ipmi_address: 'bmc' }, interfaces: { deploy: kind } }
    hub.grants.set(kind, fakeGrant(kind, more))
  }
  await site.start()
  await hub.next('hello')
  for (const kind of ['direct', 'iscsi']) {
    const { result } = await call(kind, 'node', 'validate', instance && { instance_info: instance })
    expect(result, kind).toMatchObject({ deploy: reason === undefined ? { result: true } : { result: false, reason } })
  }
})

test('what a deployment will use is asked, where that is not what the grant has', async () => {
  const more = { driver: 'ipmi', driverInfo: { ipmi_address: 'bmc' }, interfaces: { deploy: 'ramdisk' } }
  hub.grants.set('v6', fakeGrant('v6', more))
  await site.start()
  await hub.next('hello')
  const instance_info = { image_source: 'http://images/a', image_checksum: 'x' }
  const asked = async (args: object) => (await call('v6', 'node', 'validate', { instance_info, ...args })).result
  expect(await asked({})).toMatchObject({
    deploy: { result: false, reason: 'instance_info has no kernel and no ramdisk' },
  })
  expect(await asked({ interfaces: { deploy: 'direct' } })).toMatchObject({ deploy: { result: true } })
})

test('a call that takes longer than the hub allows ends with a timeout', async () => {
  hub.grants.set('v5', fakeGrant('v5', { driver: 'ipmi', driverInfo: { ipmi_address: '127.0.0.1', ipmi_port: 9 } }))
  await site.start()
  await hub.next('hello')
  expect((await call('v5', 'power', 'get_power_state', {}, 500)).fault?.code).toBe('timeout')
})

test('drivers load by name and by path; what is none, or twice, is refused with its name', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ferrule-drivers-'))
  try {
    const good = join(folder, 'good.mjs')
    await writeFile(
      good,
      'export default { name: "good", about: "", info: {}, secrets: [], interfaces: { power: {}, management: {} } }',
    )
    const bad = join(folder, 'bad.mjs')
    await writeFile(bad, 'export const something = 1')
    expect([...(await loadDrivers(['ipmi', good])).keys()]).toEqual(['ipmi', 'good'])
    await expect(loadDrivers([bad])).rejects.toThrow('does not export a driver')
    await expect(loadDrivers(['no-such-package-anywhere'])).rejects.toThrow('cannot be loaded')
    await expect(loadDrivers(['ipmi', 'ipmi'])).rejects.toThrow('two drivers are called ipmi')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
