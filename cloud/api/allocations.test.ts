import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestSite } from '#test-site'
import type { TestSite } from '../hosts/test-site.ts'
import { enrol, fresh, TestConductor } from '../hosts/test-conductor.ts'
import { newNode, setNode, write } from './testdata/samples.ts'

let site: TestSite
beforeAll(async () => {
  site = await startTestSite()
})
afterAll(() => site.stop())

const FREE = `provision_state = 'available', power_state = 'power off'`
const ask = async (body: object) => {
  const made = await site.api('POST', '/v1/allocations', body)
  expect([made.status, made.text]).toEqual([201, expect.anything()])
  return made.body
}
/** The allocation once it is settled. */
const settled = async (uuid: string) => {
  let text = ''
  for (let i = 0; i < 300; i++) {
    const reply = await site.api('GET', `/v1/allocations/${uuid}`)
    text = reply.text
    if (reply.body.state !== 'allocating') return reply.body
    await new Promise((done) => setTimeout(done, 20))
  }
  throw new Error(`the allocation was not settled: ${text}`)
}
const status = async (method: string, path: string, body?: unknown, version?: number) =>
  (await site.api(method, path, body, version ? { 'X-OpenStack-Ironic-API-Version': `1.${version}` } : {})).status

describe('allocations', () => {
  it('47: one is allocating at first, then active with a node that is its instance', async () => {
    const resource_class = fresh('class')
    const node = await newNode(site, { resource_class }, FREE)
    await site.api('PUT', `/v1/nodes/${node}/traits`, { traits: ['CUSTOM_GPU', 'CUSTOM_FAST'] })
    const asked = await ask({ name: fresh('a'), resource_class, traits: ['CUSTOM_GPU'] })
    expect(asked).toMatchObject({
      state: 'allocating',
      node_uuid: null,
      last_error: null,
      traits: ['CUSTOM_GPU'],
      candidate_nodes: [],
    })
    const { uuid } = await settled(asked.name)
    expect(await settled(uuid)).toMatchObject({ state: 'active', node_uuid: node, last_error: null })
    expect((await site.api('GET', `/v1/nodes/${node}`)).body).toMatchObject({
      instance_uuid: uuid,
      allocation_uuid: uuid,
      instance_info: { traits: ['CUSTOM_GPU'] },
    })
    expect((await site.api('GET', `/v1/nodes/${node}/allocation`)).body.uuid).toBe(uuid)
    expect((await site.api('GET', `/v1/allocations?node=${node}`)).body.allocations).toMatchObject([{ uuid }])
  })

  it('48: without a match the reason is told', async () => {
    const resource_class = fresh('class')
    const none = await settled((await ask({ resource_class })).uuid)
    expect(none).toMatchObject({
      state: 'error',
      node_uuid: null,
      last_error: expect.stringContaining(`no available nodes match the resource class ${resource_class}`),
    })
    const node = await newNode(site, { resource_class }, FREE)
    const traits = await settled((await ask({ resource_class, traits: ['CUSTOM_NOBODY'] })).uuid)
    expect(traits.last_error).toContain('no suitable nodes have the requested traits CUSTOM_NOBODY')
    const other = await newNode(site)
    const candidates = await settled((await ask({ resource_class, candidate_nodes: [other] })).uuid)
    expect(candidates.last_error).toContain('none of the requested nodes are available')
    expect((await site.api('GET', `/v1/nodes/${node}`)).body.instance_uuid).toBeNull()
  })

  it.each([
    ['in maintenance', 'maintenance = 1'],
    ['with an instance', `instance_uuid = '${crypto.randomUUID()}'`],
    ['not available', `provision_state = 'manageable'`],
    ['whose power nobody knows', 'power_state = NULL'],
    ['of somebody else', `owner = 'other'`],
  ])('a node %s is not given', async (_what, changes) => {
    const resource_class = fresh('class')
    await setNode(site, await newNode(site, { resource_class }, FREE), changes)
    expect((await settled((await ask({ resource_class, owner: 'me' })).uuid)).state).toBe('error')
  })

  it('a node that is locked for a moment is waited for', async () => {
    const resource_class = fresh('class')
    const node = await newNode(site, { resource_class }, `${FREE}, task = '018f0000-0000-7000-8000-000000000000'`)
    const { uuid } = await ask({ resource_class })
    await new Promise((done) => setTimeout(done, 100))
    expect((await site.api('GET', `/v1/allocations/${uuid}`)).body.state).toBe('allocating')
    await setNode(site, node, 'task = NULL')
    expect(await settled(uuid)).toMatchObject({ state: 'active', node_uuid: node })
  })

  it('a node of the allocation’s name goes first, and candidates are named as one likes', async () => {
    const resource_class = fresh('class')
    const name = fresh('named')
    for (let i = 0; i < 5; i++) await newNode(site, { resource_class }, FREE)
    const node = await newNode(site, { resource_class, name }, FREE)
    expect((await settled((await ask({ resource_class, name })).uuid)).node_uuid).toBe(node)
    const candidate = await newNode(site, { resource_class, name: fresh('n') }, FREE)
    const { name: called } = (await site.api('GET', `/v1/nodes/${candidate}`)).body
    const got = await settled((await ask({ resource_class, candidate_nodes: [called, candidate] })).uuid)
    expect(got).toMatchObject({ node_uuid: candidate, candidate_nodes: [candidate] })
    expect(await status('POST', '/v1/allocations', { resource_class, candidate_nodes: ['nobody'] })).toBe(400)
  })

  it('many at once get different nodes, and those that get none say so', async () => {
    const resource_class = fresh('class')
    for (let i = 0; i < 3; i++) await newNode(site, { resource_class }, FREE)
    const asked = await Promise.all(Array.from({ length: 5 }, () => ask({ resource_class })))
    const all = await Promise.all(asked.map(({ uuid }) => settled(uuid)))
    const given = all.filter((allocation) => allocation.state === 'active').map((allocation) => allocation.node_uuid)
    expect([given.length, new Set(given).size]).toEqual([3, 3])
    expect(all.filter((allocation) => allocation.state === 'error')).toHaveLength(2)
  })

  it('a node at another site is found as well', async () => {
    const name = fresh('site')
    await site.api('POST', '/v1/sites', { name })
    const second = await enrol(site.host, name, name)
    const conductor = await TestConductor.start(site.host, second, name)
    const resource_class = fresh('class')
    const node = await newNode(site, { resource_class, conductor_group: name }, FREE)
    expect((await settled((await ask({ resource_class })).uuid)).node_uuid).toBe(node)
    conductor.stop()
  })

  it('is deleted with its node freed, but not while that is active', async () => {
    const resource_class = fresh('class')
    const node = await newNode(site, { resource_class }, FREE)
    const { uuid } = await settled((await ask({ resource_class, extra: { a: 1 } })).uuid)
    expect(
      (await site.api('PATCH', `/v1/allocations/${uuid}`, [{ op: 'replace', path: '/extra/a', value: 2 }])).body.extra,
    ).toEqual({ a: 2 })
    expect(await status('PATCH', `/v1/allocations/${uuid}`, [{ op: 'remove', path: '/node' }])).toBe(400)
    await setNode(site, node, `provision_state = 'active'`)
    expect(await status('DELETE', `/v1/allocations/${uuid}`)).toBe(409)
    expect(await status('DELETE', `/v1/nodes/${node}/allocation`)).toBe(409)
    await setNode(site, node, 'maintenance = 1')
    expect(await status('DELETE', `/v1/nodes/${node}/allocation`)).toBe(204)
    expect((await site.api('GET', `/v1/nodes/${node}`)).body).toMatchObject({
      instance_uuid: null,
      allocation_uuid: null,
      instance_info: {},
    })
    expect(await status('GET', `/v1/allocations/${uuid}`)).toBe(404)
    expect(await status('DELETE', `/v1/nodes/${node}/allocation`)).toBe(404)
  })

  it('51: ends with the instance: by undeploying, or by taking instance_uuid away', async () => {
    const resource_class = fresh('class')
    const node = await newNode(site, { resource_class }, FREE)
    const first = await settled((await ask({ resource_class })).uuid)
    await site.api('PATCH', `/v1/nodes/${node}`, [{ op: 'remove', path: '/instance_uuid' }])
    expect(await status('GET', `/v1/allocations/${first.uuid}`)).toBe(404)
    const second = await settled((await ask({ resource_class })).uuid)
    const until = async (state: string) => {
      let now = ''
      for (let i = 0; i < 300 && now !== state; i++) {
        now = (await site.api('GET', `/v1/nodes/${node}/states`)).body.provision_state
        await new Promise((done) => setTimeout(done, 20))
      }
      expect(now).toBe(state)
    }
    await site.api('PUT', `/v1/nodes/${node}/states/provision`, { target: 'active' })
    await until('active')
    await site.api('PUT', `/v1/nodes/${node}/states/provision`, { target: 'deleted' })
    await until('available')
    expect(await status('GET', `/v1/allocations/${second.uuid}`)).toBe(404)
    expect((await site.api('GET', `/v1/nodes/${node}`)).body).toMatchObject({
      instance_uuid: null,
      allocation_uuid: null,
    })
  })

  it('is backfilled for a node that is active, as the instance that it has', async () => {
    const resource_class = fresh('class')
    const instance = crypto.randomUUID()
    const node = await newNode(
      site,
      { resource_class, name: fresh('n') },
      `provision_state = 'active', instance_uuid = '${instance}'`,
    )
    const answer = await ask({ node })
    expect(answer, 'at once: nothing is looked for').toMatchObject({ state: 'active', node_uuid: node, resource_class })
    const { uuid } = answer
    expect(uuid).toBe(instance)
    expect((await site.api('GET', `/v1/nodes/${node}`)).body.allocation_uuid).toBe(uuid)
    for (const again of [{ node }, { node, uuid: crypto.randomUUID() }]) {
      const second = await site.api('POST', '/v1/allocations', again)
      expect([second.status, second.body.detail]).toEqual([
        409,
        expect.stringContaining(`Node ${node} is associated with instance ${instance}.`),
      ])
    }
    const name = fresh('a')
    await ask({ resource_class: fresh('nobody-has'), name })
    const twice = await site.api('POST', '/v1/allocations', { resource_class, name })
    expect([twice.status, twice.body.detail]).toEqual([409, expect.stringContaining('An allocation with this name')])
    const free = await newNode(site, { resource_class }, FREE)
    const refused = await settled((await ask({ node: free })).uuid)
    expect(refused).toMatchObject({
      state: 'error',
      node_uuid: null,
      last_error: expect.stringContaining('not "active"'),
    })
    expect(await status('POST', '/v1/allocations', { node: crypto.randomUUID() })).toBe(400)
    expect(await status('POST', '/v1/allocations', {})).toBe(400)
  })

  it('one that was abandoned is taken up again by whoever looks', async () => {
    const resource_class = fresh('class')
    const node = await newNode(site, { resource_class }, FREE)
    const uuid = crypto.randomUUID()
    await write(
      site,
      `INSERT INTO allocations (uuid, state, resource_class, created_at) VALUES (?, 'allocating', ?, '2026-01-01T00:00:00.000+00:00')`,
      [uuid, resource_class],
    )
    expect((await site.api('GET', `/v1/allocations/${uuid}`)).body.state).toBe('allocating')
    expect(await settled(uuid)).toMatchObject({ state: 'active', node_uuid: node })
  })

  it('writes need their version: 405 below 1.52, a patch below 1.57, its newer attributes 406', async () => {
    expect(await status('GET', '/v1/allocations', undefined, 51)).toBe(404)
    expect(await status('POST', '/v1/allocations', { resource_class: 'x' }, 51)).toBe(405)
    const { uuid } = await ask({ resource_class: fresh('class') })
    expect(await status('PATCH', `/v1/allocations/${uuid}`, [{ op: 'add', path: '/extra/a', value: 1 }], 56)).toBe(405)
    expect(await status('POST', '/v1/allocations', { resource_class: 'x', owner: 'y' }, 59)).toBe(406)
    expect(await status('POST', '/v1/allocations', { node: 'x' }, 57)).toBe(406)
  })
})
