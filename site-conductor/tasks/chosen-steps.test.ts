// Steps that somebody chose: the reserved one, and what a cancel means to a step that an agent works on.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { BOOT_RAMDISK } from '../../cloud/plans.ts'
import type { Step } from '../../shared/protocol.ts'
import { Agents } from '../agents/agents.ts'
import fakeHardware from '../drivers/fake-hardware.ts'
import { fakeMachine } from '../drivers/fake/machine.ts'
import { fakeContext } from '../testing/fake-context.ts'
import { fakeGrant, type FakeHub, fakeStep as step } from '../testing/fake-hub.ts'
import { type FakeSite, fakeSite } from '../testing/fake-site.ts'
import { reservedSteps } from './reserved-steps.ts'

let site: FakeSite
let hub: FakeHub
let node: string
let count = 0

beforeEach(async () => {
  site = await fakeSite()
  ;({ hub } = site)
  node = `chosen-${process.pid}-${++count}`
  hub.grants.set(node, fakeGrant(node, { driverInfo: { fake_delays: { deploy: 700 } } }))
})
afterEach(() => site.close())

const begun = (at: number) =>
  hub.next('event', (frame) => frame.events.some((event) => event.kind === 'waiting' && event.step === at))
const start = async (...steps: Step[]) => {
  await site.start()
  await hub.next('hello')
  hub.give({ id: 't1', node, steps })
}

test('a step that may not be interrupted ends before a cancel counts', async () => {
  await start(step('deploy.erase_devices', { waits: true, abortable: false }), step('power.power_on'))
  await begun(0)
  hub.send({ type: 'cancel', id: 't1' })
  expect(await hub.next('result')).toMatchObject({ outcome: { ok: false, step: 1, fault: { code: 'task.cancelled' } } })
  expect(fakeMachine(node).log).toEqual(['disks erased'])
})

test('one that may be is ended at once', async () => {
  hub.grants.set(node, fakeGrant(node, { driverInfo: { fake_delays: { deploy: 600_000 } } }))
  await start(step('deploy.erase_devices', { waits: true, abortable: true }))
  await begun(0)
  hub.send({ type: 'cancel', id: 't1' })
  expect(await hub.next('result')).toMatchObject({ outcome: { ok: false, step: 0, fault: { code: 'task.cancelled' } } })
  expect(fakeMachine(node).log).toEqual([])
})

test('a wait behind the point of no return can be cancelled all the same', async () => {
  await start(
    step('deploy.write_image', { pointOfNoReturn: true }),
    step('deploy.wait', { args: { seconds: 600 }, waits: true }),
  )
  await begun(1)
  hub.send({ type: 'cancel', id: 't1' })
  expect(await hub.next('result')).toMatchObject({ outcome: { ok: false, step: 1, fault: { code: 'task.cancelled' } } })
})

test('`wait` with seconds is as long as that, on any interface, and refuses what is no time', async () => {
  await start(step('bios.wait', { args: { seconds: 0.05 }, waits: true }))
  expect(await hub.next('result')).toMatchObject({ outcome: { ok: true } })
  for (const seconds of [-1, 1801, 'long', Number.NaN]) {
    const context = await fakeContext(fakeHardware, { node: fakeGrant(node), args: { seconds } })
    await expect(reservedSteps['wait']!(context)).rejects.toMatchObject({ fault: { code: 'request.invalid' } })
  }
})

test('`wait` without seconds ends with the agent’s next call, and not before', async () => {
  const context = await fakeContext(fakeHardware, { node: fakeGrant(node) })
  const { agents } = context.site
  expect(agents).toBeInstanceOf(Agents)
  const expected = { node, macs: [], token: 'token', properties: {}, instanceInfo: {}, shown: false }
  agents.expect({
    ...expected,
    onShown: async () => undefined,
    onScript: async () => undefined,
    onCall: async () => undefined,
  })
  const call = { url: 'https://agent', version: '1', certificate: 'PEM' }
  await agents.heard(node, 'token', call)
  let isOver = false
  const waiting = reservedSteps['wait']!(context).then(() => void (isOver = true))
  await new Promise((resolve) => setImmediate(resolve))
  expect(isOver).toBe(false)
  await agents.heard(node, 'token', call)
  await waiting
})

test.each([
  ['on', ['metadata erased']],
  ['off', ['power on', 'metadata erased']],
])('an agent that was left on a machine that is %s by now', async (power, did) => {
  fakeMachine(node).power = `power ${power}` as 'power on'
  await site.start()
  await hub.next('hello')
  const steps = [...BOOT_RAMDISK, step('deploy.erase_devices_metadata')]
  hub.give({ id: 't1', node, steps, doneSteps: BOOT_RAMDISK.length, context: { fast_track: true } })
  expect((await hub.next('result')).outcome).toEqual({ ok: true })
  expect(fakeMachine(node).log.filter((line) => !line.startsWith('boot device'))).toEqual(did)
})
