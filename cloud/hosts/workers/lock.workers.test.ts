// Requests that wait for the task of a locked node inside workerd: they wait in the Worker, and its hub may come and go meanwhile.
import { env, evictDurableObject, runInDurableObject } from 'cloudflare:test'
import { afterEach, describe, expect, it } from 'vitest'
import { MAX_WATCHERS } from '../../ports.ts'
import { ask, enrol, fresh, TestConductor } from '../test-conductor.ts'
import { storeOf, type WorkerEnv } from './environment.ts'
import { ObjectHubs } from './object-hubs.ts'
import { objectName, type SiteHubObject } from './site-hub-object.ts'
import { host } from './test-host.ts'

const bindings = env as unknown as { -readonly [K in keyof WorkerEnv]: WorkerEnv[K] }
const [LONG, SHORT] = ['120000', '300']
const WATCH = 'watch'

describe('a node that is locked', () => {
  const usual = bindings.LOCK_WAIT_MS!
  let conductor: TestConductor
  let stub: DurableObjectStub<SiteHubObject>
  let site: string
  let node: string
  let store: ReturnType<ReturnType<typeof storeOf>['organisation']>
  afterEach(async () => {
    bindings.LOCK_WAIT_MS = usual
    // Others watch all sites.
    await runInDurableObject(stub, (hub, state) => {
      delete (hub as Partial<SiteHubObject>).fetch
      for (const socket of state.getWebSockets(WATCH)) socket.close(1000, 'done')
    })
    conductor.stop()
  })

  /** A node whose power is being switched. */
  const locked = async (waitMs: string) => {
    bindings.LOCK_WAIT_MS = waitMs
    const name = fresh('site')
    await ask(host, 'POST', '/v1/sites', { name })
    const enrolled = await enrol(host, name, name)
    site = enrolled.site
    conductor = await TestConductor.start(host, enrolled, name, { stuck: true })
    stub = bindings.SITE_HUB.get(bindings.SITE_HUB.idFromName(objectName(enrolled)))
    store = storeOf(bindings).organisation(enrolled.organisation)
    const made = await ask(host, 'POST', '/v1/nodes', { driver: 'fake-hardware', conductor_group: name })
    node = made.body.uuid as string
    await conductor.granted(node)
    expect((await ask(host, 'PUT', `/v1/nodes/${node}/states/power`, { target: 'power on' })).status).toBe(202)
    await conductor.until(() => tasks().length === 1)
  }
  const tasks = () => conductor.received.filter((each) => each.type === 'task')
  const patch = () => ask(host, 'PATCH', `/v1/nodes/${node}`, [{ op: 'add', path: '/extra/rack', value: '8' }])
  const watching = () => runInDurableObject(stub, (_, state) => state.getWebSockets(WATCH).length)
  const waits = async () => {
    await expect.poll(watching, { timeout: 20_000 }).toBe(1)
  }
  const nobodyWaits = async () => {
    await expect.poll(watching, { timeout: 20_000 }).toBe(0)
  }
  /** How often has somebody wanted to, since? */
  const nobodyMayWatch = async () => {
    let asked = 0
    await runInDurableObject(stub, (hub) => {
      hub.fetch = () => {
        asked++
        return Promise.resolve(new Response(null, { status: 503 }))
      }
    })
    return () => asked
  }
  const stream = async () => {
    const { status, body } = await ask(host, 'GET', `/v1/events?site=${site}`, undefined, {
      Accept: 'text/event-stream',
    })
    return [status, body.code]
  }
  /** Sockets of others, as the hub has them. */
  const watchers = (count: number) =>
    runInDurableObject(stub, (_, state) =>
      Array.from({ length: count }, () => {
        const server = Object.values(new WebSocketPair())[1]!
        state.acceptWebSocket(server, [WATCH])
        server.serializeAttachment(WATCH)
        return server
      }),
    )

  it.each(['stays', 'is evicted'])('is changed once its task has ended, and its hub %s meanwhile', async (hub) => {
    await locked(LONG)
    const asked = patch()
    await waits()
    if (hub === 'is evicted') await evictDurableObject(stub)
    conductor.workOn(tasks()[0]!)
    expect((await asked).status).toBe(200)
    expect((await ask(host, 'GET', `/v1/nodes/${node}`)).body).toMatchObject({
      extra: { rack: '8' },
      power_state: 'power on',
    })
    await nobodyWaits()
  })

  it('is refused when its task goes on for longer than LOCK_WAIT_MS', async () => {
    await locked(SHORT)
    const { status, body } = await patch()
    expect([status, body.code, body.detail]).toEqual([409, 'node.locked', expect.stringContaining('is locked by host')])
    await nobodyWaits()
  })

  it('is refused at once where LOCK_WAIT_MS is 0', async () => {
    await locked('0')
    const asked = await nobodyMayWatch()
    expect((await patch()).body.code).toBe('node.locked')
    expect(asked()).toBe(0)
  })

  it('is refused when its hub goes with the sockets of those who wait', async () => {
    await locked(LONG)
    const asked = patch()
    await waits()
    await evictDurableObject(stub, { webSockets: 'close' })
    expect((await asked).body.code).toBe('node.locked')
  })

  it('is refused at once where its hub can not be watched', async () => {
    await locked(LONG)
    const asked = await nobodyMayWatch()
    expect((await patch()).body.code).toBe('node.locked')
    expect(asked()).toBe(1)
    expect(await stream(), 'a stream says why it is none').toEqual([503, 'unavailable'])
  })

  it('is refused at once where too many wait already', async () => {
    await locked(LONG)
    await watchers(MAX_WATCHERS)
    expect((await patch()).body.code).toBe('node.locked')
    expect(await stream()).toEqual([429, 'watch.full'])
  })

  it('is changed beside a request that is just going', async () => {
    await locked(LONG)
    const [other] = await watchers(1)
    await runInDurableObject(stub, () => other!.close(1000, 'done'))
    const asked = patch()
    await expect.poll(watching).toBeGreaterThan(0)
    conductor.workOn(tasks()[0]!)
    expect((await asked).status).toBe(200)
  })

  it('is not changed for a client that hangs up, whose Idempotency-Key is free again', async () => {
    await locked(LONG)
    const key = fresh('key')
    const client = new AbortController()
    const asked = host.fetch(`/v1/nodes/${node}/states/power`, {
      method: 'PUT',
      headers: {
        Authorization: `Bearer ${host.token}`,
        'Content-Type': 'application/json',
        'Idempotency-Key': key,
      },
      body: '{"target": "power off"}',
      signal: client.signal,
    })
    const keys = () => store.all('SELECT key FROM idempotency_keys WHERE key = ?', [key])
    await waits()
    expect(await keys()).toEqual([[key]])
    client.abort()
    await expect(asked).rejects.toThrow('abort')
    await nobodyWaits()
    await expect.poll(keys).toEqual([])
    conductor.workOn(tasks()[0]!)
    await expect.poll(async () => (await ask(host, 'GET', `/v1/nodes/${node}`)).body.reservation).toBeNull()
    expect(tasks()).toHaveLength(1)
  })
})

describe('the way to the hubs', () => {
  /** `answers`: of one hub after the other. */
  const hubsWith = (...answers: (() => Promise<Response>)[]) =>
    new ObjectHubs({ idFromName: (name: string) => name, get: () => ({ fetch: answers.shift() }) } as never)
  const sites = [1, 2].map((n) => ({ organisation: 'o', site: `s${n}` }))
  const watcher = { changed: () => undefined, ended: () => undefined }

  it('of which one is lost watches no other, and says so as a fault', async () => {
    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket]
    const closed = new Promise((done) => server.addEventListener('close', done))
    server.accept()
    const hubs = hubsWith(
      () => Promise.resolve(new Response(null, { status: 101, webSocket: client })),
      () => Promise.reject(new Error('Network connection lost.')),
    )
    await expect(hubs.watch(sites, watcher)).rejects.toMatchObject({ fault: { code: 'unavailable' } })
    await closed
  })
})
