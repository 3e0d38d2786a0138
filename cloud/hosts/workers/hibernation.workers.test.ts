// What only Durable Objects do: they are put to sleep with their sockets open, and wake by an alarm.
import { env, evictDurableObject, runDurableObjectAlarm } from 'cloudflare:test'
import { describe, expect, it } from 'vitest'
import type { FromConductor, ToConductor } from '../../../shared/protocol.ts'
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

  it('is evicted between any two frames of a deployment, which goes on and is recorded once', async () => {
    const site = fresh('site')
    await ask(host, 'POST', '/v1/sites', { name: site })
    const enrolled = await enrol(host, site, site)
    const conductor = await TestConductor.start(host, enrolled, site, { stuck: true })
    const stub = hubs.get(hubs.idFromName(objectName(enrolled)))
    const { body } = await ask(host, 'POST', '/v1/nodes', { driver: 'fake-hardware', conductor_group: site })
    const node = body.uuid as string
    const image = {
      image_source: 'http://images.test/a.raw',
      image_os_hash_algo: 'sha256',
      image_os_hash_value: 'a'.repeat(64),
      image_disk_format: 'raw',
    }
    const changes = Object.entries({ automated_clean: false, instance_info: image }).map(([name, value]) => ({
      op: 'add',
      path: `/${name}`,
      value,
    }))
    expect((await ask(host, 'PATCH', `/v1/nodes/${node}`, changes)).status).toBe(200)
    const last = <T extends ToConductor['type']>(type: T) =>
      conductor.received.findLast((message) => message.type === type) as Extract<ToConductor, { type: T }> | undefined
    /** Says it to an object that is woken by it, and goes after its answer. */
    const say = async (message: FromConductor, answered: () => boolean) => {
      conductor.send(message)
      await conductor.until(answered)
      await evictDurableObject(stub)
    }
    let rid = 0
    const work = async (task: Extract<ToConductor, { type: 'task' }>) => {
      const { id, epoch } = task
      conductor.send({ type: 'accepted', id, epoch })
      let n = 0
      for (const [step, { waits }] of task.steps.entries()) {
        rid++
        await say({ type: 'intent', id, epoch, step, rid }, () => last('proceed')?.rid === rid)
        for (const kind of waits
          ? (['started', 'waiting', 'resumed', 'finished'] as const)
          : (['started', 'finished'] as const)) {
          const events = [{ n: ++n, at: Date.now(), step, kind }]
          await say({ type: 'event', id, epoch, events }, () => last('ack')?.id === id && last('ack')?.upTo === n)
        }
      }
      await say({ type: 'result', id, epoch, outcome: { ok: true } }, () => last('settled')?.id === id)
    }
    for (const [verb, kind, state] of [
      ['manage', 'verify', 'manageable'],
      ['provide', null, 'available'],
      ['active', 'deploy', 'active'],
    ] as const) {
      expect((await ask(host, 'PUT', `/v1/nodes/${node}/states/provision`, { target: verb })).status).toBe(202)
      await evictDurableObject(stub)
      if (kind !== null) {
        await conductor.until(() => last('task')?.kind === kind)
        await work(last('task')!)
      }
      const now = (await ask(host, 'GET', `/v1/nodes/${node}`)).body
      expect([now.provision_state, now.last_error, now.reservation]).toEqual([state, null, null])
    }
    const { id, steps } = last('task')!
    const { timeline } = (await ask(host, 'GET', `/v1/nodes/${node}/timeline?limit=1000`)).body as {
      timeline: { task: string; type: string; step: string }[]
    }
    const of = (type: string) => timeline.filter((entry) => entry.task === id && entry.type === type)
    expect(of('step.finished').map(({ step }) => step)).toEqual(steps.map((each) => `${each.interface}.${each.step}`))
    expect(of('task.done')).toHaveLength(1)
    expect(conductor.closeCode, 'its socket outlived every object').toBeUndefined()
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
