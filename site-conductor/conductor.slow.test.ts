// The whole conductor against a fake hub over a real WebSocket; one test per way in which the two can lose each other.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { PLANS } from '../cloud/plans.ts'
import { encode, MAX_FRAME_BYTES } from '../shared/protocol.ts'
import { CLOSE } from '../shared/upgrade.ts'
import { folder } from './disk.ts'
import { defineDriver } from './driver.ts'
import { fakeMachine } from './drivers/fake/machine.ts'
import { FakeDisk } from './testing/fake-disk.ts'
import { fakeGrant, type FakeHub, fakeStep as step } from './testing/fake-hub.ts'
import { type FakeSite, fakeSite } from './testing/fake-site.ts'
import { Journal } from './tasks/journal.ts'

let site: FakeSite
let hub: FakeHub
let node: string
let count = 0

beforeEach(async () => {
  site = await fakeSite()
  ;({ hub } = site)
  node = `node-${process.pid}-${++count}`
  hub.grants.set(node, fakeGrant(node))
})
afterEach(() => site.close())

const slow = (delayMs: number, more: Record<string, unknown> = {}) => {
  hub.grants.set(node, fakeGrant(node, { driverInfo: { fake_delay_ms: delayMs, ...more } }))
}
const events = () => hub.all('event').flatMap((frame) => frame.events)
const finished = () => events().filter((event) => event.kind === 'finished')
const FOREVER_MS = 600_000

test('a deploy runs through all its steps', async () => {
  await site.start()
  await hub.next('hello')
  hub.give({
    id: 't1',
    node,
    steps: [...PLANS.deploy],
    context: { instance_info: { image_source: 'http://images/a.raw' } },
  })
  const result = await hub.next('result')
  expect(result).toMatchObject({ id: 't1', outcome: { ok: true } })
  expect(hub.all('accepted')).toHaveLength(1)
  expect(events().map((event) => event.n)).toEqual(events().map((_, i) => i + 1))
  expect(finished()).toHaveLength(PLANS.deploy.length)
  const waits = events().filter((event) => event.kind === 'waiting' || event.kind === 'resumed')
  expect(waits.map((event) => event.step)).toEqual([4, 4])
  expect(fakeMachine(node)).toMatchObject({ power: 'power on', disk: 'http://images/a.raw' })
  expect(fakeMachine(node).changes).toEqual(['power on', 'power off', 'power on'])
})

test('a conductor calls itself as it enrolled, so that two on one host are two', async () => {
  await site.start()
  expect(await hub.next('hello')).toMatchObject({ hostname: 'test' })
})

test('no step begins before the hub has said proceed to the question that is outstanding', async () => {
  hub.behaviour.onMessage = (message) => {
    if (message.type !== 'intent') return
    hub.send({ type: 'proceed', id: message.id, rid: message.rid + 1000, tenureMs: 0 })
    hub.send({
      type: 'call',
      rid: 1,
      node,
      epoch: 1,
      interface: 'power',
      method: 'get_power_state',
      args: {},
      timeoutMs: 5000,
    })
    return true
  }
  await site.start()
  await hub.next('hello')
  hub.give({ id: 't1', node, steps: [step('power.power_on')] })
  const answer = await hub.next('answer')
  expect(answer.result).toBe('power off')
  expect(events()).toEqual([])
})

test('a failing step becomes a result with its fault and its number', async () => {
  slow(0, { fake_fail: { 'deploy.write_image': 'image.digest' } })
  await site.start()
  await hub.next('hello')
  hub.give({ id: 't1', node, steps: [...PLANS.deploy] })
  const { outcome } = await hub.next('result')
  expect(outcome).toMatchObject({ ok: false, step: 5, fault: { code: 'image.digest' } })
})

test('a step that takes longer than it may ends with a timeout', async () => {
  slow(FOREVER_MS)
  await site.start()
  await hub.next('hello')
  hub.give({ id: 't1', node, steps: [step('power.power_on', { timeoutMs: 300 })] })
  const { outcome } = await hub.next('result')
  expect(outcome).toMatchObject({ ok: false, step: 0, fault: { code: 'timeout' } })
  expect(fakeMachine(node).changes).toEqual([])
})

test('a refusal of what was said under an older epoch does not end a run that has left that epoch behind', async () => {
  slow(FOREVER_MS)
  await site.start()
  await hub.next('hello')
  hub.give({ id: 't1', node, steps: [step('power.power_on', { timeoutMs: 300 })] })
  await hub.next('event')
  hub.send({ type: 'fenced', id: 't1', epoch: 0 })
  expect(await hub.next('result'), 'it goes on to its own end').toMatchObject({ id: 't1', epoch: 1 })
})

test('fenced in answer to an intent ends the task without a result', async () => {
  hub.behaviour.onMessage = (message) => {
    if (message.type !== 'intent') return
    hub.tasks.delete(message.id)
    hub.send({ type: 'fenced', id: message.id, rid: message.rid })
    return true
  }
  const conductor = await site.start()
  await hub.next('hello')
  hub.give({ id: 't1', node, steps: [step('power.power_on')] })
  await hub.next('intent')
  hub.behaviour = {}
  hub.give({ id: 't2', node, steps: [step('power.verify')] })
  await hub.next('result', (frame) => frame.id === 't2')
  await conductor.close()
  expect(hub.all('result').map((frame) => frame.id)).toEqual(['t2'])
  expect(fakeMachine(node).changes).toEqual([])
})

test('done in answer to an intent ends the task, and it is not in the next hello', async () => {
  hub.behaviour.onMessage = (message) => {
    if (message.type !== 'intent') return
    hub.tasks.delete(message.id)
    hub.send({ type: 'done', id: message.id, rid: message.rid })
    return true
  }
  await site.start()
  await hub.next('hello')
  hub.give({ id: 't1', node, steps: [step('power.power_on')] })
  await hub.next('intent')
  hub.drop()
  await hub.until(() => hub.all('hello').length === 2)
  expect(hub.all('hello')[1]!.inflight).toEqual([])
  expect(hub.all('result')).toEqual([])
})

test('a step that has more to report than a frame holds fails and says so; so does an answer', async () => {
  const large = 'a BIOS with very many settings '.repeat(3_000)
  const found = async () => ({ facts: { bios: large } })
  const driver = defineDriver({
    name: 'wordy',
    about: 'for this test',
    info: z.looseObject({}),
    secrets: [],
    interfaces: {
      power: { wordy: { steps: { facts: found, value: async () => ({ value: large }) } } },
      management: { wordy: { steps: {} } },
    },
  })
  hub.grants.set(node, fakeGrant(node, { driver: 'wordy' }))
  await site.start({ drivers: new Map([['wordy', driver]]) })
  await hub.next('hello')
  hub.give({ id: 't1', node, steps: [step('power.facts'), step('power.value')] })
  const failed = { ok: false, step: 0, fault: { code: 'request.too_large' } }
  expect((await hub.next('result')).outcome).toMatchObject(failed)
  expect(events().map((event) => [event.n, event.kind])).toEqual([[1, 'started']])
  hub.give({ id: 't2', node, nseq: 2, steps: [step('power.value')] })
  const { outcome } = await hub.next('result', ({ id }) => id === 't2')
  expect(outcome).toMatchObject({ ok: false, fault: { message: expect.stringContaining('is done, but its answer') } })
})

test('a hello of very many tasks fits', async () => {
  const disk = new FakeDisk()
  const journal = await Journal.open(disk)
  const id = (n: number) => `${n}`.padStart(64, 'あ')
  for (let n = 0; n < 300; n++)
    await journal.accept({ type: 'task', id: id(n), node: id(n), epoch: 1, nseq: 1, kind: 'test', steps: [step('power.power_on')], context: {}, doneSteps: 0, lastEvent: 0, deadline: 0 }) // prettier-ignore
  const real = await folder(site.dataDir)
  await real.replace('journal', disk.files.get('journal')!)
  await site.start()
  const hello = await hub.next('hello')
  expect(hello.inflight.length).toBeGreaterThan(100)
  expect(Buffer.byteLength(encode(hello))).toBeLessThanOrEqual(MAX_FRAME_BYTES)
})

test('a reconnect within the session asks the open question again and interrupts no step', async () => {
  slow(6000)
  hub.behaviour.keepSession = true
  await site.start()
  await hub.next('hello')
  hub.give({ id: 't1', node, steps: [step('power.power_on'), step('power.power_off')] })
  await hub.next('event')
  hub.drop()
  expect(await hub.next('result')).toMatchObject({ outcome: { ok: true } })
  expect(hub.all('hello')).toHaveLength(2)
  expect(hub.all('hello')[1]!.inflight).toEqual([{ task: 't1', node, epoch: 1 }])
  expect(fakeMachine(node).changes).toEqual(['power on', 'power off'])
  expect(events().filter((event) => event.kind === 'started' && event.step === 0)).toHaveLength(1)
})

test('a new session that keeps the grants goes on with the same steps under the new epoch', async () => {
  slow(6000)
  await site.start()
  await hub.next('hello')
  hub.give({ id: 't1', node, steps: [step('power.power_on'), step('power.power_off')] })
  await hub.next('event')
  hub.behaviour.grantsKept = true
  hub.drop()
  expect(await hub.next('result')).toMatchObject({ epoch: 2, outcome: { ok: true } })
  expect(events().filter((event) => event.kind === 'started' && event.step === 0)).toHaveLength(1)
  expect(hub.all('hello')[1]!.grantsDigest).toMatch(/^[0-9a-f]{64}$/)
})

test('a new session without the old grants starts the step that was under way again', async () => {
  slow(FOREVER_MS)
  await site.start()
  await hub.next('hello')
  hub.give({ id: 't1', node, steps: [step('power.power_on'), step('power.power_off')] })
  await hub.next('event')
  slow(0)
  hub.drop()
  expect(await hub.next('result')).toMatchObject({ epoch: 2, outcome: { ok: true } })
  expect(events().filter((event) => event.kind === 'started' && event.step === 0)).toHaveLength(2)
  expect(fakeMachine(node).changes).toEqual(['power on', 'power off'])
})

test('a lapse drops all grants, ends the step and connects again with nothing', async () => {
  slow(FOREVER_MS)
  hub.behaviour.leaseMs = 20_000
  // Nor does it welcome the connection that is dialled beside the silent one: that would begin another lease.
  hub.behaviour.onMessage = (message) =>
    message.type === 'renew' || (message.type === 'hello' && message.grantsDigest !== null)
  await site.start()
  await hub.next('hello')
  hub.give({ id: 't1', node, steps: [step('power.power_on')] })
  await hub.next('event')
  await hub.until(() => hub.all('hello').length >= 2 && hub.all('hello').at(-1)!.grantsDigest === null)
  slow(0)
  hub.behaviour = {}
  hub.drop()
  await hub.next('result')
  expect(fakeMachine(node).changes).toEqual(['power on'])
})

test('a result that the hub did not settle is said again after a reconnect', async () => {
  hub.behaviour.keepSession = true
  hub.behaviour.onMessage = (message) => message.type === 'result'
  await site.start()
  await hub.next('hello')
  hub.give({ id: 't1', node, steps: [step('power.power_on')] })
  await hub.next('result')
  hub.behaviour.onMessage = () => false
  hub.drop()
  await hub.until(() => hub.all('result').length >= 2)
  expect(hub.all('result')[1]).toEqual(hub.all('result')[0])
})

test('a dropped grant ends the task without a result', async () => {
  slow(FOREVER_MS)
  await site.start()
  await hub.next('hello')
  hub.give({ id: 't1', node, steps: [step('power.power_on')] })
  await hub.next('event')
  hub.tasks.clear()
  hub.send({ type: 'grants', session: 1, ringVersion: 2, add: [], drop: [node], last: true })
  hub.send({
    type: 'call',
    rid: 7,
    node,
    epoch: 1,
    interface: 'power',
    method: 'get_power_state',
    args: {},
    timeoutMs: 5000,
  })
  expect((await hub.next('answer')).fault?.code).toBe('fenced')
  expect(hub.all('result')).toEqual([])
  expect(await hub.next('released'), 'or its next owner would wait for ever').toMatchObject({ node, epoch: 1 })
})

test('a task for a node or epoch that is not granted is left alone, one for an unknown driver is rejected', async () => {
  hub.grants.set('other', fakeGrant('other', { driver: 'nobody-has-it' }))
  await site.start()
  await hub.next('hello')
  hub.give({ id: 't1', node, epoch: 99, steps: [step('power.power_on')] })
  hub.give({ id: 't2', node: 'other', steps: [step('power.power_on')] })
  expect(await hub.next('rejected')).toMatchObject({ id: 't2', why: { code: 'driver.unknown' } })
  expect(hub.frames.filter((frame) => 'id' in frame && frame.id === 't1')).toEqual([])
})

test('a wrong signature is a fatal outcome that names the clock', async () => {
  hub.publicKey = site.siteKey.publicKey
  const conductor = await site.start()
  const outcome = await conductor.ended
  expect(outcome).toMatchObject({ kind: 'fatal', why: expect.stringContaining('clock') as string })
})

test('one conflict is only a reason to connect again, for the hub may have forgotten us', async () => {
  await site.start()
  await hub.next('hello')
  hub.drop(CLOSE.conflict)
  await hub.until(() => hub.all('hello').length === 2)
})

test('conflicts again and again are a clone of the identity, and a fatal outcome', async () => {
  hub.behaviour.onMessage = () => (hub.drop(CLOSE.conflict), true)
  const conductor = await site.start()
  expect(await conductor.ended).toMatchObject({ kind: 'fatal', why: expect.stringContaining('clone') as string })
})

test('a task of an earlier run that the hub does not deliver again is asked about and forgotten', async () => {
  hub.behaviour.onMessage = (message) => {
    if (message.type !== 'result') return
    if (message.epoch === hub.session) return (hub.tasks.clear(), true)
    hub.send({ type: 'settled', id: message.id })
    return true
  }
  const conductor = await site.start()
  await hub.next('hello')
  hub.give({ id: 't1', node, steps: [step('power.power_on')] })
  await hub.next('result')
  await conductor.close()
  await site.start()
  await hub.until(() => hub.all('result').length === 2)
  expect(hub.all('result')[1]!.epoch).toBe(1)
  hub.drop()
  await hub.until(() => hub.all('hello').length === 3)
  expect(hub.all('hello').map(({ inflight }) => inflight.length)).toEqual([0, 1, 0])
})

test('a malformed frame closes the connection with 4400', async () => {
  await site.start()
  await hub.next('hello')
  const closed = new Promise<number>((resolve) => hub.socket!.once('close', resolve))
  hub.socket!.send('{"type":"lease","rid":"one"}')
  expect(await closed).toBe(CLOSE.malformed)
})

test('a frame of a type that is not known is ignored', async () => {
  await site.start()
  await hub.next('hello')
  hub.socket!.send('{"type":"from-the-future"}')
  hub.give({ id: 't1', node, steps: [step('power.power_on')] })
  expect(await hub.next('result')).toMatchObject({ outcome: { ok: true } })
})

test('closing says goodbye and leaves the lock', async () => {
  const conductor = await site.start()
  await hub.next('hello')
  await expect(site.start()).rejects.toThrow('in use by another conductor')
  await conductor.close()
  expect((await conductor.ended).kind).toBe('drained')
  const again = await site.start()
  await hub.until(() => hub.all('hello').length === 2)
  expect(again.id).toBe('c')
})

test('power states go up once, and again only when they change', async () => {
  await site.close()
  site = await fakeSite({ powerPollS: 3 })
  ;({ hub } = site)
  hub.grants.set(node, fakeGrant(node))
  await site.start()
  const first = await hub.next('facts')
  expect(first.nodes[node]).toMatchObject({ power_state: 'power off' })
  fakeMachine(node).power = 'power on'
  const second = await hub.next('facts', (frame) => frame.nodes[node]?.['power_state'] === 'power on')
  expect(second.nodes).toEqual({ [node]: { power_state: 'power on' } })
  expect(hub.all('facts')).toHaveLength(2)
})

test('a machine that somebody switched off after a task had switched it on is noticed', async () => {
  await site.close()
  site = await fakeSite({ powerPollS: 3 })
  ;({ hub } = site)
  hub.grants.set(node, fakeGrant(node))
  await site.start()
  await hub.next('facts', (frame) => frame.nodes[node]?.['power_state'] === 'power off')
  hub.give({ id: 't1', node, steps: [step('power.power_on')] })
  await hub.next('result')
  const told = hub.all('facts').length
  fakeMachine(node).power = 'power off'
  await hub.until(() =>
    hub
      .all('facts')
      .slice(told)
      .some((frame) => frame.nodes[node]?.['power_state'] === 'power off'),
  )
})
