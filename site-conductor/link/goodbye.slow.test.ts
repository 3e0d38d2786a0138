// A clean stop: what ran ends, the hub is told as the last word, and a hub that does not know the word holds nobody up.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { CLOSE } from '../../shared/upgrade.ts'
import { folder } from '../disk.ts'
import { defineDriver } from '../driver.ts'
import { fakeGrant, type FakeHub } from '../testing/fake-hub.ts'
import { fakeSite, type FakeSite } from '../testing/fake-site.ts'

const node = crypto.randomUUID()
let site: FakeSite
let hub: FakeHub
beforeEach(async () => {
  site = await fakeSite()
  ;({ hub } = site)
  hub.grants.set(node, fakeGrant(node))
})
afterEach(() => site.close())

test('goodbye is the last word, and is said when what ran has ended', async () => {
  const conductor = await site.start()
  await hub.next('hello')
  hub.give({ id: 't1', node, steps: [{ interface: 'power', step: 'power_on', args: {} }] })
  hub.behaviour.onMessage = (message) => message.type === 'intent'
  await hub.next('intent')
  await conductor.close()
  expect(hub.frames.at(-1)).toEqual({ type: 'bye' })
  expect(hub.all('result')).toEqual([])
})

test('a hub that does not know goodbye keeps no conductor from stopping', async () => {
  hub.behaviour.onMessage = (message) => message.type === 'bye'
  const conductor = await site.start()
  await hub.next('hello')
  await conductor.close()
  expect((await conductor.ended).kind).toBe('drained')
})

test('what comes while it closes writes nothing into its folder after the lock is left', async () => {
  const real = await folder(site.dataDir)
  let isClosed = false
  const late: string[] = []
  const slowly =
    <A extends [string, ...unknown[]]>(write: (...args: A) => Promise<void>) =>
    async (...args: A) => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      if (isClosed) late.push(args[0])
      await write(...args)
    }
  const conductor = await site.start({
    disk: { ...real, append: slowly(real.append), replace: slowly(real.replace), remove: slowly(real.remove) },
  })
  await hub.next('facts')
  hub.behaviour.onMessage = ({ type }) => {
    if (type !== 'bye') return false
    const add = [...hub.grants.values()]
    hub.send({ type: 'grants', session: hub.session, ringVersion: 1, add, drop: [], last: true })
    hub.give({ id: 't1', node, steps: [{ interface: 'power', step: 'power_on', args: {} }] })
    hub.drop(CLOSE.goodbye)
    return true
  }
  await conductor.close()
  isClosed = true
  await new Promise((resolve) => setTimeout(resolve, 200)) // four seconds of the conductor's clock
  expect(late).toEqual([])
})

test('no goodbye is said while a driver has not come back: the hub waits for the lease, as after a crash', async () => {
  const [entered, back] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const deaf = async () => (entered.resolve(), await back.promise)
  const driver = defineDriver({
    name: 'deaf',
    about: 'for this test',
    info: z.looseObject({}),
    secrets: [],
    interfaces: { power: { deaf: { steps: { power_on: deaf } } }, management: { deaf: { steps: {} } } },
  })
  hub.grants.set(node, fakeGrant(node, { driver: 'deaf' }))
  const conductor = await site.start({ drivers: new Map([['deaf', driver]]) })
  await hub.next('hello')
  hub.give({ id: 't1', node, steps: [{ interface: 'power', step: 'power_on', args: {} }] })
  await entered.promise
  await conductor.close()
  back.resolve()
  expect(hub.all('bye')).toEqual([])
  expect((await conductor.ended).kind).toBe('drained')
})
