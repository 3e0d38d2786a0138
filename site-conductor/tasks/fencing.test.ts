// Fence, permit, read, act: in which order a step that changes a machine does what, and what happens when it is shut out in between.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { PLANS } from '../../cloud/plans.ts'
import { FaultError } from '../../shared/faults.ts'
import type { Step } from '../../shared/protocol.ts'
import { mediaWay } from '../deploy/boot-way.ts'
import { ramdiskBoot } from '../deploy/ramdisk-boot.ts'
import type { StepContext } from '../driver.ts'
import fakeHardware from '../drivers/fake-hardware.ts'
import { fakeMachine } from '../drivers/fake/machine.ts'
import { fakeGrant, type FakeHub } from '../testing/fake-hub.ts'
import { type FakeSite, fakeSite } from '../testing/fake-site.ts'

let site: FakeSite
let hub: FakeHub
let node: string
let count = 0

beforeEach(async () => {
  site = await fakeSite()
  ;({ hub } = site)
  node = `fenced-${process.pid}-${++count}`
  hub.grants.set(node, fakeGrant(node))
})
afterEach(() => site.close())

const powerOn: Step = { interface: 'power', step: 'power_on', args: {} }
const sessions = () => hub.all('intent').map(({ bmcSession }) => bmcSession)

test('each step that changes the machine has a session of its own, open before the hub is asked and closed after the step', async () => {
  const open: boolean[] = []
  hub.behaviour.onMessage = (message) => {
    if (message.type === 'intent' && message.bmcSession !== undefined)
      open.push(fakeMachine(node).sessions.has(message.bmcSession))
  }
  await site.start()
  await hub.next('hello')
  hub.give({ id: 't', node, steps: [...PLANS.deploy] })
  expect((await hub.next('result')).outcome).toEqual({ ok: true })
  const named = PLANS.deploy.filter((_, i) => sessions()[i] !== undefined).map(({ step }) => step)
  expect(named).toEqual(['power_off', 'set_boot_device', 'power_on', 'prepare_instance_boot', 'power_off', 'power_on'])
  expect(open).toEqual(named.map(() => true))
  expect(new Set(sessions().filter((session) => session !== undefined)).size).toBe(named.length)
  expect(fakeMachine(node).sessions.size).toBe(0)
})

test('an implementation says which of its steps are fenced, beside those of the driver', async () => {
  const boot = fakeHardware.interfaces.boot!['fake']!
  const fenced = { ...boot, fenced: ['prepare_ramdisk'] }
  const driver = { ...fakeHardware, interfaces: { ...fakeHardware.interfaces, boot: { fake: boot, fenced } } }
  const other = `${node}-other`
  hub.grants.set(other, fakeGrant(other, { interfaces: { boot: 'fenced' } }))
  await site.start({ drivers: new Map([[driver.name, driver]]) })
  await hub.next('hello')
  const steps: Step[] = ['prepare_ramdisk', 'clean_up_ramdisk'].map((step) => ({ interface: 'boot', step, args: {} }))
  hub.give({ id: 't', node, steps })
  expect((await hub.next('result')).outcome).toEqual({ ok: true })
  expect(sessions()).toEqual([undefined, undefined])

  hub.give({ id: 'u', node: other, steps })
  await hub.until(() => hub.all('result').length === 2)
  expect(sessions().slice(2)).toEqual([expect.any(String), undefined])
})

test('whoever acted before is shut out before the hub is asked', async () => {
  fakeMachine(node).sessions.add('stale')
  const seen: string[][] = []
  hub.behaviour.onMessage = (message) => {
    if (message.type === 'intent') seen.push([...fakeMachine(node).sessions])
  }
  await site.start()
  await hub.next('hello')
  hub.give({ id: 't', node, steps: [powerOn], bmcSession: 'stale' })
  await hub.next('result')
  expect(seen).toEqual([sessions()])
})

test('a session that this conductor opened, and of which the hub never heard, is shut out by its next run', async () => {
  const seen: string[][] = []
  hub.behaviour.onMessage = (message) => {
    if (message.type !== 'intent') return
    seen.push([...fakeMachine(node).sessions])
    return seen.length === 1
  }
  const conductor = await site.start()
  await hub.next('hello')
  hub.give({ id: 't', node, steps: [powerOn] })
  const { bmcSession: unheard } = await hub.next('intent')
  await conductor.close()
  // Its end did not reach the BMC.
  fakeMachine(node).sessions.add(unheard!)
  hub.tasks.set('t', { ...hub.tasks.get('t')!, since: 1 })
  await site.start()
  expect((await hub.next('result')).outcome).toEqual({ ok: true })
  expect(seen.at(-1)).toEqual([sessions().at(-1)])
})

test('a step that was shut out before it acted asks again with a new session, and does not act without', async () => {
  hub.behaviour.onMessage = (message) => {
    if (message.type === 'intent' && hub.all('intent').length === 1)
      fakeMachine(node).sessions.delete(message.bmcSession!)
  }
  await site.start()
  await hub.next('hello')
  hub.give({ id: 't', node, steps: [powerOn] })
  expect((await hub.next('result')).outcome).toEqual({ ok: true })
  expect(new Set(sessions()).size).toBe(2)
  expect(hub.all('intent').map(({ step }) => step)).toEqual([0, 0])
  expect(fakeMachine(node).changes).toEqual(['power on'])
})

test('a conductor that was shut out and is told so leaves the machine alone', async () => {
  hub.behaviour.onMessage = (message) => {
    if (message.type !== 'intent') return
    fakeMachine(node).sessions.delete(message.bmcSession!)
    if (hub.all('intent').length === 1) return
    hub.tasks.delete(message.id)
    hub.send({ type: 'fenced', id: message.id, rid: message.rid })
    return true
  }
  const conductor = await site.start()
  await hub.next('hello')
  hub.give({ id: 't', node, steps: [powerOn] })
  await hub.until(() => hub.all('intent').length === 2)
  await conductor.close()
  expect(fakeMachine(node)).toMatchObject({ changes: [], power: 'power off' })
  expect(hub.all('result')).toEqual([])
  expect(fakeMachine(node).sessions.size).toBe(0)
})

test('a session that is lost again and again fails the step with a fault that says so', async () => {
  hub.behaviour.onMessage = (message) => {
    if (message.type === 'intent') fakeMachine(node).sessions.clear()
  }
  await site.start()
  await hub.next('hello')
  hub.give({ id: 't', node, steps: [powerOn] })
  expect((await hub.next('result')).outcome).toMatchObject({ ok: false, step: 0, fault: { code: 'bmc.session_lost' } })
  expect(new Set(sessions()).size).toBe(3)
  expect(fakeMachine(node).changes).toEqual([])
})

test('a volume that a BMC neither lets go nor answers about is tried in three sessions, each after the one before, and then stays', async () => {
  const tried: string[] = []
  const detach = async ({ fence }: StepContext) => {
    tried.push(fence!.session!)
    throw new FaultError('bmc.session_lost', 'the BMC did not answer')
  }
  const boot = { hangs: ramdiskBoot(mediaWay({ attach: async () => {}, detach })) }
  const driver = { ...fakeHardware, interfaces: { ...fakeHardware.interfaces, boot } }
  hub.grants.set(node, fakeGrant(node, { interfaces: { boot: 'hangs' } }))
  await site.start({ drivers: new Map([[driver.name, driver]]) })
  await hub.next('hello')
  hub.give({ id: 't', node, steps: [{ interface: 'boot', step: 'clean_up_ramdisk', args: {} }, powerOn] })
  expect((await hub.next('result')).outcome).toEqual({ ok: true })
  expect(tried, 'the hub was asked for each').toEqual(sessions().slice(0, 3))
  expect(new Set(tried).size).toBe(3)
  const { notes } = await hub.next('notes')
  expect(notes.filter(({ stage }) => stage.startsWith('boot.'))).toMatchObject([
    { stage: 'boot.medium_stays', body: { why: 'the BMC did not answer' } },
  ])
  expect(fakeMachine(node)).toMatchObject({ power: 'power on', sessions: new Set() })
})

test('a question that is asked again after a lost connection names the same session', async () => {
  hub.behaviour = { keepSession: true, onMessage: (message) => message.type === 'intent' }
  await site.start()
  await hub.next('hello')
  hub.give({ id: 't', node, steps: [powerOn] })
  await hub.next('intent')
  hub.behaviour = { keepSession: true, grantsKept: true }
  hub.drop()
  expect((await hub.next('result')).outcome).toEqual({ ok: true })
  expect(new Set(sessions()).size).toBe(1)
  expect(sessions().length).toBeGreaterThan(1)
})
