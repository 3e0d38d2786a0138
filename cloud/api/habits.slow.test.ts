// What a careful client may say with a request: Idempotency-Key, If-Match, Prefer: wait, dry_run; and what shows of a task that takes long.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestSite } from '#test-site'
import { fresh } from '../hosts/test-conductor.ts'
import type { TestSite } from '../hosts/test-site.ts'
import { RESOURCES } from './routes.ts'
import { sample } from './testdata/samples.ts'

describe('careful requests', () => {
  let site: TestSite
  beforeAll(async () => {
    site = await startTestSite()
  })
  afterAll(() => site.stop())
  const api: TestSite['api'] = (...args) => site.api(...args)
  const node = async (): Promise<string> => {
    const { body } = await api('POST', '/v1/nodes', { driver: 'fake-hardware', name: fresh('node') })
    await site.conductor.granted(body.uuid)
    return body.uuid
  }
  const sql = () => site.host.store.organisation(site.enrolled.organisation)

  describe('Idempotency-Key', () => {
    const keyed = (key: string) => ({ 'Idempotency-Key': key })

    it('a request that is sent again is answered as the first time, and done once', async () => {
      const [key, name] = [fresh('key'), fresh('node')]
      const first = await api('POST', '/v1/nodes', { driver: 'fake-hardware', name }, keyed(key))
      const again = await api('POST', '/v1/nodes', { driver: 'fake-hardware', name }, keyed(key))
      expect([first.status, again.status]).toEqual([201, 201])
      expect(again.text).toBe(first.text)
      expect(again.headers.get('location')).toBe(first.headers.get('location'))
      expect([first, again].map(({ headers }) => headers.get('idempotent-replayed'))).toEqual([null, 'true'])
      expect((await api('POST', '/v1/nodes', { driver: 'fake-hardware', name })).status).toBe(409)
    })

    it('a verb that is sent again opens no second task', async () => {
      const [key, uuid] = [fresh('key'), await node()]
      for (let i = 0; i < 3; i++) {
        const reply = await api('PUT', `/v1/nodes/${uuid}/states/power`, { target: 'power on' }, keyed(key))
        expect([reply.status, reply.text]).toEqual([202, ''])
      }
      expect((await api('GET', `/v1/tasks?node=${uuid}`)).body.tasks.length).toBe(1)
    })

    it('another request with the same key is refused', async () => {
      const [key, uuid] = [fresh('key'), await node()]
      await api('PUT', `/v1/nodes/${uuid}/states/power`, { target: 'power on' }, keyed(key))
      const body = await api('PUT', `/v1/nodes/${uuid}/states/power`, { target: 'power off' }, keyed(key))
      const path = await api('POST', '/v1/nodes', { target: 'power on' }, keyed(key))
      expect([body.status, body.body.code, path.status]).toEqual([422, 'request.reused', 422])
    })

    it('while the first has no answer, the second is told so', async () => {
      const [key, body] = [fresh('key'), { driver: 'fake-hardware', name: fresh('node') }]
      await api('POST', '/v1/nodes', body, keyed(key))
      await sql().batch([{ sql: 'UPDATE idempotency_keys SET status = NULL WHERE key = ?', args: [key] }])
      const { status, body: told } = await api('POST', '/v1/nodes', body, keyed(key))
      expect([status, told.code]).toEqual([409, 'request.busy'])
    })

    it('of a first request whose server died without an answer it is said that nothing is known, not that it is under way', async () => {
      const [key, body] = [fresh('key'), { driver: 'fake-hardware', name: fresh('node') }]
      await api('POST', '/v1/nodes', body, keyed(key))
      const died = 'UPDATE idempotency_keys SET status = NULL, at_ms = at_ms - 600001 WHERE key = ?'
      await sql().batch([{ sql: died, args: [key] }])
      const { status, body: told } = await api('POST', '/v1/nodes', body, keyed(key))
      expect([status, told.code, told.detail]).toEqual([503, 'unavailable', expect.stringContaining('not known')])
    })

    it('a refusal leaves the key free: the same request may succeed later', async () => {
      const [key, uuid] = [fresh('key'), await node()]
      const address = '52:54:00:00:77:01'
      const body = { driver: 'fake-hardware', name: fresh('node'), uuid }
      expect((await api('POST', '/v1/nodes', body, keyed(key))).status).toBe(409)
      expect((await api('DELETE', `/v1/nodes/${uuid}`)).status).toBe(204)
      expect((await api('POST', '/v1/nodes', body, keyed(key))).status).toBe(201)
      expect((await api('POST', '/v1/ports', { node_uuid: uuid, address }, keyed(fresh('key')))).status).toBe(201)
    })

    it('an answer that shows a secret is not kept', async () => {
      const key = fresh('key')
      const made = await api('POST', '/v1/sites/default/enrol-tokens', {}, keyed(key))
      expect(made.body.token).toMatch(/^fre_/)
      expect((await api('POST', '/v1/sites/default/enrol-tokens', {}, keyed(key))).status).toBe(409)
      const rows = await sql().all('SELECT body FROM idempotency_keys WHERE key = ?', [key])
      expect(rows).toEqual([[null]])
    })

    it('a key is kept for a day', async () => {
      const [key, name] = [fresh('key'), fresh('node')]
      const body = { driver: 'fake-hardware', name }
      await api('POST', '/v1/nodes', body, keyed(key))
      await sql().batch([{ sql: 'UPDATE idempotency_keys SET at_ms = at_ms - 86400001 WHERE key = ?', args: [key] }])
      expect((await api('POST', '/v1/nodes', body, keyed(key))).status).toBe(409)
    })

    it('a key that is none is refused', async () => {
      expect((await api('POST', '/v1/nodes', {}, keyed('a b'))).status).toBe(400)
    })
  })

  describe('If-Match', () => {
    const change = [{ op: 'add', path: '/extra/a', value: 1 }]

    it('of two who read the same node only the first changes it', async () => {
      const uuid = await node()
      const tag = (await api('GET', `/v1/nodes/${uuid}`)).headers.get('etag')!
      const both = await Promise.all([1, 2].map(() => api('PATCH', `/v1/nodes/${uuid}`, change, { 'If-Match': tag })))
      expect(both.map(({ status }) => status).sort()).toEqual([200, 412])
      const { headers } = both.find(({ status }) => status === 200)!
      const next = { 'If-Match': headers.get('etag')! }
      expect((await api('DELETE', `/v1/nodes/${uuid}`, undefined, { 'If-Match': tag })).body.code).toBe(
        'request.changed',
      )
      expect((await api('DELETE', `/v1/nodes/${uuid}`, undefined, next)).status).toBe(204)
    })

    it('holds for verbs', async () => {
      const uuid = await node()
      const tag = (await api('GET', `/v1/nodes/${uuid}`)).headers.get('etag')!
      await api('PATCH', `/v1/nodes/${uuid}`, change)
      const verb = { target: 'manage' }
      expect((await api('PUT', `/v1/nodes/${uuid}/states/provision`, verb, { 'If-Match': tag })).status).toBe(412)
      expect((await api('GET', `/v1/nodes/${uuid}`)).body.provision_state).toBe('enroll')
    })

    it('holds for sites', async () => {
      const path = `/v1/sites/${(await api('POST', '/v1/sites', { name: fresh('site') })).body.uuid}`
      await holds(path, [{ op: 'add', path: '/description', value: 'x' }])
    })

    it.each(RESOURCES.map((resource) => [resource.path, resource] as const))('holds for %s', async (path, resource) => {
      const owner = await node()
      await sql().batch([{ sql: "UPDATE nodes SET power_state = 'power off' WHERE uuid = ?", args: [owner] }])
      const made = await api('POST', `/v1/${path}`, sample(path, owner))
      const item = `/v1/${path}/${made.body.uuid}`
      if (path === 'allocations') await decided(item)
      const name = 'description' in resource.attributes ? 'description' : 'extra'
      const value = name === 'extra' ? { a: 1 } : 'changed'
      await holds(item, [{ op: 'replace', path: `/${name}`, value }])
      const tag = (await api('GET', item)).headers.get('etag')!
      expect(made.headers.get('etag'), 'a creation shows the ETag').toMatch(/^"/)
      expect((await api('DELETE', item, undefined, { 'If-Match': made.headers.get('etag')! })).status).toBe(412)
      expect((await api('DELETE', item, undefined, { 'If-Match': tag })).status).toBe(204)
      expect((await api('DELETE', item, undefined, { 'If-Match': tag })).status).toBe(404)
    })

    it('holds for an allocation that has its node', async () => {
      const uuid = await node()
      const resource_class = fresh('class')
      await api('PATCH', `/v1/nodes/${uuid}`, [{ op: 'add', path: '/resource_class', value: resource_class }])
      await sql().batch([
        {
          sql: "UPDATE nodes SET provision_state = 'available', power_state = 'power off' WHERE uuid = ?",
          args: [uuid],
        },
      ])
      const made = await api('POST', '/v1/allocations', { resource_class })
      const item = `/v1/allocations/${made.body.uuid}`
      const [state, now] = await decided(item)
      expect(state).toBe('active')
      expect((await api('DELETE', item, undefined, { 'If-Match': made.headers.get('etag')! })).status).toBe(412)
      expect((await api('DELETE', item, undefined, { 'If-Match': now })).status).toBe(204)
    })

    /** State and ETag of an allocation, once it has its node or none. */
    async function decided(item: string): Promise<readonly [string, string]> {
      for (;;) {
        const { body, headers } = await api('GET', item)
        if (body.state !== 'allocating') return [body.state, headers.get('etag')!]
      }
    }

    /** Of two changes by those who read the same, the second is refused. */
    async function holds(path: string, patch: readonly object[]): Promise<void> {
      const tag = (await api('GET', path)).headers.get('etag')!
      expect((await api('PATCH', path, patch, { 'If-Match': tag })).status, path).toBe(200)
      expect((await api('PATCH', path, patch, { 'If-Match': tag })).status, path).toBe(412)
      expect((await api('PATCH', path, patch, { 'If-Match': '*' })).status, path).toBe(200)
    }

    it('is refused where it would be ignored, and when it is none', async () => {
      const uuid = await node()
      const drain = await api('POST', '/v1/conductors/c1/undrain', undefined, { 'If-Match': '"1-1.110"' })
      expect([drain.status, drain.body.detail]).toEqual([400, 'If-Match is not served here.'])
      expect((await api('PATCH', `/v1/nodes/${uuid}`, change, { 'If-Match': 'abc' })).status).toBe(400)
    })
  })

  describe('Prefer: wait', () => {
    it('is answered when the node rests, with its states', async () => {
      const uuid = await node()
      const reply = await api('PUT', `/v1/nodes/${uuid}/states/provision`, { target: 'manage' }, { Prefer: 'wait=50' })
      expect([reply.status, reply.body.provision_state]).toEqual([200, 'manageable'])
      expect(reply.headers.get('preference-applied')).toBe('wait=50')
      expect(reply.headers.get('location')).toContain(uuid)
    })

    it('ends with 202 when the node takes longer', async () => {
      const stuck = await startTestSite({ stuck: true })
      const { uuid } = (await stuck.api('POST', '/v1/nodes', { driver: 'fake-hardware' })).body
      await stuck.conductor.granted(uuid)
      const reply = await stuck.api('PUT', `/v1/nodes/${uuid}/states/provision`, { target: 'manage' }, { Prefer: 'respond-async, wait=1' }) // prettier-ignore
      expect([reply.status, reply.text, reply.headers.get('preference-applied')]).toEqual([202, '', 'wait=1'])
      await stuck.stop()
    })
  })

  describe('dry_run', () => {
    it('says steps, ports and disks of a verb, and changes nothing', async () => {
      const uuid = await node()
      await api('PUT', `/v1/nodes/${uuid}/states/provision`, { target: 'manage' }, { Prefer: 'wait=50' })
      await api('POST', '/v1/ports', { node_uuid: uuid, address: '52:54:00:00:77:03' })
      const before = await everything()
      const reply = await api('PUT', `/v1/nodes/${uuid}/states/provision?dry_run=true`, { target: 'provide' })
      expect(await everything()).toEqual(before)
      expect(reply.status).toBe(200)
      expect(reply.body).toMatchObject({
        from: 'manageable',
        to: 'available',
        wipes: 'all',
        disks: null,
        expected_s: 3600,
        ports: [{ address: '52:54:00:00:77:03', pxe_enabled: true }],
      })
      expect(reply.body.steps).toContainEqual(
        expect.objectContaining({ task: 'clean', interface: 'deploy', step: 'erase_devices_metadata' }),
      )
    })

    it('names the disks that inspection found, with their serial numbers', async () => {
      const uuid = await node()
      const disks = [
        { name: '/dev/sda', serial: 'S1', size: 100 },
        { name: '/dev/sdb', serial: 'S2', size: 200 },
      ]
      await site.host.blobs.put('i', new TextEncoder().encode(JSON.stringify({ disks })))
      const args = [uuid, 'i', '2026-01-01T00:00:00+00:00']
      await sql().batch([{ sql: 'INSERT INTO inventories (node, inventory_blob, created_at) VALUES (?, ?, ?)', args }])
      await api('PATCH', `/v1/nodes/${uuid}`, [{ op: 'add', path: '/properties/root_device', value: { serial: 'S2' } }])
      for (const target of ['manage', 'provide'])
        await api('PUT', `/v1/nodes/${uuid}/states/provision`, { target }, { Prefer: 'wait=50' })
      const { body } = await api('PUT', `/v1/nodes/${uuid}/states/provision?dry_run=1`, { target: 'active' })
      expect([body.wipes, body.to]).toEqual(['root', 'active'])
      expect(body.disks).toMatchObject([
        { serial: 'S1', matches_hints: false },
        { serial: 'S2', matches_hints: true },
      ])
    })

    it('is refused as the verb would be', async () => {
      const uuid = await node()
      const path = `/v1/nodes/${uuid}/states/provision`
      const [dry, wet] = [
        await api('PUT', `${path}?dry_run=true`, { target: 'active' }),
        await api('PUT', path, { target: 'active' }),
      ]
      expect([dry.status, dry.body.detail]).toEqual([wet.status, wet.body.detail])
      expect((await api('PUT', `${path}?dry_run=perhaps`, { target: 'manage' })).status).toBe(400)
    })
  })

  it('a node that is longer in a state than is expected of it is overdue', async () => {
    const uuid = await node()
    const fields = async () => (await api('GET', `/v1/nodes/${uuid}?fields=overdue,expected_at`)).body
    expect(await fields()).toMatchObject({ overdue: false, expected_at: null })
    const set = async (at: string) =>
      sql().batch([
        {
          sql: "UPDATE nodes SET provision_state = 'verifying', provision_updated_at = ? WHERE uuid = ?",
          args: [at, uuid],
        },
      ])
    await set(new Date().toISOString().replace('Z', '+00:00'))
    expect((await fields()).overdue).toBe(false)
    await set('2026-01-01T00:00:00.000+00:00')
    expect(await fields()).toMatchObject({ overdue: true, expected_at: '2026-01-01T00:01:00.000+00:00' })
  })

  it('a task shows its steps, its cause of failure, and what to do next', async () => {
    const uuid = await node()
    await api('PUT', `/v1/nodes/${uuid}/states/provision`, { target: 'manage' }, { Prefer: 'wait=50' })
    await api('PUT', `/v1/nodes/${uuid}/states/provision`, { target: 'provide' }, { Prefer: 'wait=50' })
    const { tasks } = (await api('GET', `/v1/tasks?node=${uuid}&kind=clean`)).body
    const { body } = await api('GET', `/v1/tasks/${tasks[0].uuid}`)
    expect(body).toMatchObject({ state: 'done', percent: 100, overdue: false, cause: null, next_action: null })
    expect(body.steps[0]).toMatchObject({ interface: 'power', step: 'power_off', state: 'done', percent: 100 })
    const fault = JSON.stringify({ code: 'power.timeout', message: 'it hangs', hint: 'pull the plug' })
    const args = [fault, tasks[0].uuid]
    await sql().batch([{ sql: "UPDATE tasks SET state = 'failed', done_steps = 2, fault = ? WHERE id = ?", args }])
    const failed = (await api('GET', `/v1/tasks/${tasks[0].uuid}`)).body
    expect(failed).toMatchObject({ cause: 'it hangs', next_action: 'pull the plug' })
    expect(failed.steps.slice(1, 4).map((step: { state: string }) => step.state)).toEqual(['done', 'failed', 'skipped'])
  })

  /** All rows that anybody could have changed. */
  async function everything() {
    const tables = ['nodes', 'ports', 'tasks', 'events', 'audit']
    return Promise.all(tables.map((table) => sql().all(`SELECT * FROM ${table}`)))
  }
})
