// When a cancel of the hub counts, and when it comes too late.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fakeMachine } from '../drivers/fake/machine.ts'
import { fakeGrant, type FakeHub, fakeStep as step } from '../testing/fake-hub.ts'
import { type FakeSite, fakeSite } from '../testing/fake-site.ts'

let site: FakeSite
let hub: FakeHub
let node: string
let count = 0

beforeEach(async () => {
  site = await fakeSite()
  ;({ hub } = site)
  node = `cancelled-${process.pid}-${++count}`
  hub.grants.set(node, fakeGrant(node))
})
afterEach(() => site.close())

const slow = (delayMs: number) => hub.grants.set(node, fakeGrant(node, { driverInfo: { fake_delay_ms: delayMs } }))
const FOREVER_MS = 600_000

test('a cancel ends a wait', async () => {
  slow(FOREVER_MS)
  await site.start()
  await hub.next('hello')
  hub.give({ id: 't1', node, steps: [step('deploy.wait_agent', { waits: true })] })
  await hub.next('event', (frame) => frame.events.some((event) => event.kind === 'waiting'))
  hub.send({ type: 'cancel', id: 't1' })
  const { outcome } = await hub.next('result')
  expect(outcome).toMatchObject({ ok: false, step: 0, fault: { code: 'task.cancelled' } })
})

test('a cancel in the middle of a step is honoured at its end', async () => {
  slow(500)
  await site.start()
  await hub.next('hello')
  hub.give({ id: 't1', node, steps: [step('power.power_on'), step('power.power_off')] })
  await hub.next('event')
  hub.send({ type: 'cancel', id: 't1' })
  const { outcome } = await hub.next('result')
  expect(outcome).toMatchObject({ ok: false, step: 1, fault: { code: 'task.cancelled' } })
  expect(fakeMachine(node).changes).toEqual(['power on'])
})

test('a cancel after the point of no return is refused with a note, and the task goes on', async () => {
  slow(500)
  await site.start()
  await hub.next('hello')
  hub.give({ id: 't1', node, steps: [step('deploy.write_image', { pointOfNoReturn: true }), step('power.power_on')] })
  await hub.next('event')
  hub.send({ type: 'cancel', id: 't1' })
  expect(await hub.next('result')).toMatchObject({ outcome: { ok: true } })
  const stages = (await hub.next('notes')).notes.map((note) => note.stage)
  expect(stages).toContain('cancel.refused')
})

test('a cancel that comes behind the point of no return does not count at the next question either', async () => {
  await site.start()
  await hub.next('hello')
  hub.behaviour.onMessage = (message) => {
    if (message.type !== 'intent' || message.step === 0) return
    hub.send({ type: 'cancel', id: message.id })
  }
  hub.give({ id: 't1', node, steps: [step('deploy.write_image', { pointOfNoReturn: true }), step('power.power_on')] })
  expect(await hub.next('result')).toMatchObject({ outcome: { ok: true } })
  await hub.next('notes', ({ notes }) => notes.some(({ stage }) => stage === 'cancel.refused'))
})

test('a cancel before the point of no return counts at the question for it', async () => {
  await site.start()
  await hub.next('hello')
  hub.behaviour.onMessage = (message) => {
    if (message.type === 'intent') return (hub.send({ type: 'cancel', id: message.id }), true)
  }
  hub.give({ id: 't1', node, steps: [step('deploy.write_image', { pointOfNoReturn: true })] })
  expect(await hub.next('result')).toMatchObject({ outcome: { ok: false, fault: { code: 'task.cancelled' } } })
})
