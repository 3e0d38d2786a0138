// The whole conductor against a fake hub over a real WebSocket; one test per way in which the two can lose each other.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { PLANS } from '../cloud/plans.ts'
import { fakeMachine } from './drivers/fake-hardware.ts'
import { fakeGrant } from './fake-hub.ts'
import { type FakeSite, fakeSite } from './fake-site.ts'

let site: FakeSite
let node: string
let count = 0

beforeEach(async () => {
  site = await fakeSite()
  node = `node-${process.pid}-${++count}`
  site.hub.grants.set(node, fakeGrant(node))
})
afterEach(() => site.close())

const connected = () => site.hub.next('hello')

test('a deploy runs through all its steps', async () => {
  await site.start()
  await connected()
  site.hub.give({
    id: 't1',
    node,
    steps: [...PLANS.deploy],
    context: { instance_info: { image_source: 'http://images/a.raw' } },
  })
  const result = await site.hub.next('result')
  expect(result).toMatchObject({ id: 't1', outcome: { ok: true } })
  expect(site.hub.all('accepted')).toHaveLength(1)
  const events = site.hub.all('event').flatMap((frame) => frame.events)
  expect(events.map((event) => event.n)).toEqual(events.map((_, i) => i + 1))
  expect(events.filter((event) => event.kind === 'finished')).toHaveLength(PLANS.deploy.length)
  expect(
    events.filter((event) => event.kind === 'waiting' || event.kind === 'resumed').map((event) => event.step),
  ).toEqual([4, 4])
  expect(fakeMachine(node)).toMatchObject({
    power: 'power on',
    disk: 'http://images/a.raw',
    bootDevice: { boot_device: 'disk' },
  })
  expect(fakeMachine(node).changes).toEqual(['power on', 'power off', 'power on'])
})
