// What only Durable Objects do: they are put to sleep with their sockets open, and wake by an alarm.
import { env, evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import { ask, enrol, fresh, TestConductor } from '../test-conductor.ts'
import type { WorkerEnv } from './environment.ts'
import { objectName } from './site-hub-object.ts'
import { host } from './test-host.ts'

const hubs = (env as unknown as WorkerEnv).SITE_HUB

describe('a hub that sleeps', () => {
  it('finds its sockets, sessions and nodes again, and works on', async () => {
    const site = fresh('site')
    await ask(host, 'POST', '/v1/sites', { name: site })
    const enrolled = await enrol(host, site, site)
    const conductor = await TestConductor.start(host, enrolled, site)
    const stub = hubs.get(hubs.idFromName(objectName(enrolled)))
    for (let round = 0; round < 3; round++) {
      await evictDurableObject(stub)
      const made = await ask(host, 'POST', '/v1/nodes', { driver: 'fake-hardware', conductor_group: site })
      expect([made.status, made.body.conductor]).toEqual([201, site])
      await conductor.granted(made.body.uuid)
      await evictDurableObject(stub)
      await ask(host, 'PUT', `/v1/nodes/${made.body.uuid}/states/power`, { target: 'power on' })
      const settled = () => conductor.received.filter((message) => message.type === 'settled').length
      await conductor.until(() => settled() > round)
      expect((await ask(host, 'GET', `/v1/nodes/${made.body.uuid}`)).body.power_state).toBe('power on')
    }
    conductor.stop()
  })

  it('has an alarm while a conductor has a lease', async () => {
    const site = fresh('site')
    await ask(host, 'POST', '/v1/sites', { name: site })
    const enrolled = await enrol(host, site, site)
    const conductor = await TestConductor.start(host, enrolled, site)
    const stub = hubs.get(hubs.idFromName(objectName(enrolled)))
    await evictDurableObject(stub)
    expect(await runDurableObjectAlarm(stub)).toBe(true)
    expect((await ask(host, 'GET', `/v1/conductors/${site}`)).body.alive).toBe(true)
    conductor.stop()
  })
})
