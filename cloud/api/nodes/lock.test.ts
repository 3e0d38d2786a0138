// A change of a node on which a task works waits for the end of the task, and is refused when that does not come in time.
import { afterEach, describe, expect, it } from 'vitest'
import { systemEnv } from '../../../shared/env.ts'
import { FaultError } from '../../../shared/faults.ts'
import { startTestHost, type TestHost } from '../../hosts/node/test-host.ts'
import { siteOn, type TestSite } from '../../hosts/test-site.ts'
import { MAX_WATCHERS } from '../../ports.ts'

const EXTRA = [{ op: 'add', path: '/extra/rack', value: '8' }]

describe('a node that is locked', () => {
  let site: TestSite<TestHost>
  let timers: (() => void)[] = []
  /** Resolves once as many requests as this wait for the end of a task. */
  let waiting: (count: number) => Promise<void>

  /** Their waits end when `timeout` says so. */
  const start = async (lockWaitMs = 12_345) => {
    let tell = (): void => undefined
    const setTimer: typeof systemEnv.setTimer = (ms, run) => {
      if (ms !== lockWaitMs) return systemEnv.setTimer(ms, run)
      timers.push(run)
      tell()
      return () => undefined
    }
    site = await siteOn(await startTestHost({ lockWaitMs, env: { ...systemEnv, setTimer } }), { stuck: true })
    waiting = async (wanted) => {
      while (timers.length < wanted) await new Promise<void>((done) => (tell = done))
    }
  }
  const timeout = (): void => timers.forEach((run) => run())
  afterEach(async () => {
    timers = []
    await site.stop()
  })

  const newNode = async (): Promise<string> => {
    const { uuid } = (await site.api('POST', '/v1/nodes', { driver: 'fake-hardware' })).body
    await site.conductor.granted(uuid)
    return uuid as string
  }
  const power = (node: string, target = 'power on', headers?: Record<string, string>) =>
    site.api('PUT', `/v1/nodes/${node}/states/power`, { target }, headers)
  const patch = (node: string, headers?: Record<string, string>) =>
    site.api('PATCH', `/v1/nodes/${node}`, EXTRA, headers)
  const tasks = () => site.conductor.received.filter((each) => each.type === 'task')
  /** A node whose power is being switched. */
  const locked = async (): Promise<string> => {
    const node = await newNode()
    expect((await power(node)).status).toBe(202)
    return node
  }
  /** Has the conductor do the task that came as the nth. */
  const end = async (nth = 1): Promise<void> => {
    await site.conductor.until(() => tasks().length >= nth)
    site.conductor.workOn(tasks()[nth - 1]!)
  }

  it.each([
    ['PATCH', '', EXTRA, 200],
    ['PUT', '/states/power', { target: 'power off' }, 202],
    ['PUT', '/states/provision', { target: 'manage' }, 202],
    ['PUT', '/states/provision?dry_run=true', { target: 'manage' }, 200],
    ['DELETE', '', undefined, 204],
  ])('%s %s is carried out once the task has ended', async (method, path, body, status) => {
    await start()
    const node = await locked()
    const asked = site.api(method, `/v1/nodes/${node}${path}`, body)
    await waiting(1)
    await end()
    expect((await asked).status).toBe(status)
  })

  it('lets its volumes change once it is powered off', async () => {
    await start()
    const node = await newNode()
    const target = { node_uuid: node, volume_type: 'iscsi', volume_id: 'v', boot_index: 0 }
    const { uuid } = (await site.api('POST', '/v1/volume/targets', target)).body
    await power(node, 'power off')
    const asked = site.api('PATCH', `/v1/volume/targets/${uuid}`, EXTRA)
    await waiting(1)
    await end()
    expect((await asked).status).toBe(200)
  })

  it('is refused in the words of Ironic when the task goes on', async () => {
    await start()
    const node = await locked()
    const asked = patch(node)
    await waiting(1)
    timeout()
    const { body } = await asked
    expect(body).toMatchObject({ status: 409, code: 'node.locked' })
    expect(body.detail).toBe(
      `Node ${node} is locked by host c1, please retry after the current operation is completed.`,
    )
  })

  it.each(['wait call-back', 'deploy hold'])('is refused at once in "%s", which takes longer', async (state) => {
    await start()
    const node = await locked()
    const sql = site.host.store.organisation(site.enrolled.organisation)
    await sql.batch([{ sql: 'UPDATE nodes SET provision_state = ? WHERE uuid = ?', args: [state, node] }])
    expect((await patch(node)).body.code).toBe('node.locked')
  })

  it('is refused at once where nobody waits', async () => {
    await start(0)
    expect((await patch(await locked())).body.code).toBe('node.locked')
  })

  it('is not changed with what If-Match had before the task', async () => {
    await start()
    const node = await newNode()
    const tag = (await site.api('GET', `/v1/nodes/${node}`)).headers.get('etag')!
    await power(node)
    expect((await patch(node, { 'If-Match': tag })).status, 'it is known at once').toBe(412)
    const current = (await site.api('GET', `/v1/nodes/${node}`)).headers.get('etag')!
    const asked = patch(node, { 'If-Match': current })
    await waiting(1)
    await end()
    expect((await asked).status, 'the task changed it').toBe(412)
    expect((await site.api('GET', `/v1/nodes/${node}`)).body.extra).toEqual({})
  })

  it('goes to one after the other of those who wait, in their order', async () => {
    await start()
    const node = await locked()
    const first = power(node, 'power off')
    await waiting(1)
    const others = Array.from({ length: 20 }, () => patch(node))
    await waiting(21)
    await end()
    expect((await first).status).toBe(202)
    await end(2)
    expect((await Promise.all(others)).map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200))
  })

  it('is not changed for a client that went away', async () => {
    await start()
    const node = await locked()
    const client = new AbortController()
    const gone = site.host
      .fetch(`/v1/nodes/${node}/states/power`, {
        method: 'PUT',
        headers: {
          Authorization: `Bearer ${site.host.token}`,
          'Content-Type': 'application/json',
          'Idempotency-Key': 'of-a-client-that-goes',
        },
        body: '{"target": "power off"}',
        signal: client.signal,
      })
      .catch(() => 'gone')
    await waiting(1)
    const keys = () => site.host.store.organisation(site.enrolled.organisation).all('SELECT key FROM idempotency_keys')
    expect(await keys()).toHaveLength(1)
    client.abort()
    expect(await gone).toBe('gone')
    await expect.poll(keys, { message: 'its key is free again' }).toEqual([])
    await end()
    await expect.poll(async () => (await site.api('GET', `/v1/nodes/${node}`)).body.reservation).toBeNull()
    expect(tasks()).toHaveLength(1)
  })

  /** As many streams and waiting requests as may be. */
  const crowd = async () => {
    const { organisation, site: uuid } = site.enrolled
    const watcher = () => ({ changed: () => undefined, ended: () => undefined })
    const each = () => site.host.cloud.ports.hub.watch([{ organisation, site: uuid }], watcher())
    await Promise.all(Array.from({ length: MAX_WATCHERS }, each))
  }

  it('is refused at once where too many wait already', async () => {
    await start()
    const node = await locked()
    await crowd()
    expect((await patch(node)).body.code).toBe('node.locked')
  })

  it('is refused at once where its hub can not be watched', async () => {
    await start()
    const node = await locked()
    site.host.cloud.ports.hub.watch = () => Promise.reject(new FaultError('unavailable', 'The hub did not answer.'))
    expect((await patch(node)).body.code).toBe('node.locked')
  })

  it('is not told as refused when it was taken, and nobody can wait for its end', async () => {
    await start()
    const node = await newNode()
    await crowd()
    const { status, headers } = await power(node, 'power on', { Prefer: 'wait=20' })
    expect([status, headers.get('preference-applied')]).toEqual([202, null])
  })

  it('is tried a last time, for what locks it may be told of another node only', async () => {
    await start()
    const parent = await locked()
    const child = { driver: 'fake-hardware', parent_node: parent }
    const { uuid } = (await site.api('POST', '/v1/nodes', child)).body
    await site.conductor.granted(uuid)
    const asked = power(uuid)
    await waiting(1)
    await end()
    await expect.poll(async () => (await site.api('GET', `/v1/nodes/${parent}`)).body.reservation).toBeNull()
    timeout()
    expect((await asked).status).toBe(202)
  })

  it('carries out once what an Idempotency-Key names, and a second request of it hears so', async () => {
    await start()
    const node = await locked()
    const key = { 'Idempotency-Key': 'off' }
    const asked = power(node, 'power off', key)
    await waiting(1)
    expect((await power(node, 'power off', key)).body.code).toBe('request.busy')
    await end()
    expect((await asked).status).toBe(202)
    const again = await power(node, 'power off', key)
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([202, 'true'])
  })
})
