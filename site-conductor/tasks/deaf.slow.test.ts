// A driver that never comes back from a call does not keep its node for ever.
import { afterEach, expect, test } from 'vitest'
import { z } from 'zod'
import { defineDriver } from '../driver.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import { fakeSite, type FakeSite } from '../testing/fake-site.ts'

let site: FakeSite
afterEach(() => site.close())

test('a node whose call never comes back is released when it has been waited for, and the timeline says so', async () => {
  site = await fakeSite()
  const { hub } = site
  const entered = Promise.withResolvers<void>()
  const methods = { get_power_state: () => (entered.resolve(), new Promise(() => {})) }
  const driver = defineDriver({
    name: 'deaf',
    about: 'for this test',
    info: z.looseObject({}),
    secrets: [],
    interfaces: { power: { deaf: { steps: {}, methods } }, management: { deaf: { steps: {} } } },
  })
  hub.grants.set('n', fakeGrant('n', { driver: 'deaf', powerSync: false }))
  await site.start({ drivers: new Map([['deaf', driver]]) })
  await hub.next('hello')
  const call = { rid: 1, node: 'n', epoch: 1, interface: 'power', method: 'get_power_state', args: {} }
  hub.send({ type: 'call', ...call, timeoutMs: 5_000 })
  await entered.promise
  hub.send({ type: 'grants', session: 1, ringVersion: 2, add: [], drop: ['n'], last: true })
  await hub.next('released')
  const said = hub.frames.map((frame) => (frame.type === 'notes' ? frame.notes[0]?.stage : frame.type))
  expect(said.slice(-2)).toEqual(['release.deaf', 'released'])
  expect(hub.all('notes').at(-1)?.notes.at(-1)).toMatchObject({ body: { acts: ['power.get_power_state'] } })
})
