import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestSite } from '#test-site'
import type { TestSite } from '../../hosts/test-site.ts'
import { MAX_VERSION } from '../microversion.ts'
import { setNode } from '../testdata/samples.ts'
import { NODE_FIELDS } from './fields.ts'

describe('nodes', () => {
  let site: TestSite
  beforeAll(async () => {
    const vendor = { third_method_sync: { http_methods: ['POST'], async: false, require_exclusive_lock: true } }
    site = await startTestSite({ answer: ({ method }) => (method === 'get_methods' ? vendor : null) })
  })
  afterAll(() => site.stop())

  const make = async (more: Record<string, unknown> = {}) => {
    const { status, text, body } = await site.api('POST', '/v1/nodes', { driver: 'fake-hardware', ...more })
    expect([status, text]).toEqual([201, expect.anything()])
    return body
  }
  /** Changes rows behind the API's back, as the hub would. */
  const set = (uuid: string, changes: string) => setNode(site, uuid, changes)

  it.each([1, 2, 5, 19, 20, 31, 38, 48, 86, 109, MAX_VERSION])(
    'at 1.%i every field of that version is shown and no other',
    async (version) => {
      const { uuid } = await make()
      const { body } = await site.api('GET', `/v1/nodes/${uuid}`, undefined, {
        'X-OpenStack-Ironic-API-Version': `1.${version}`,
      })
      expect(Object.keys(body).sort()).toEqual(
        NODE_FIELDS.filter((f) => f.since <= version && !f.native)
          .map((f) => f.name)
          .sort(),
      )
    },
  )

  it('states that are newer than the request have their old names', async () => {
    const { uuid } = await make()
    const state = async (version: string) =>
      (await site.api('GET', `/v1/nodes/${uuid}/states`, undefined, { 'X-OpenStack-Ironic-API-Version': version })).body
        .provision_state
    await set(uuid, "provision_state = 'available'")
    expect([await state('1.1'), await state('1.2')]).toEqual([null, 'available'])
    await set(uuid, "provision_state = 'inspect wait'")
    expect([await state('1.1'), await state('1.38'), await state('1.39')]).toEqual([
      'inspecting',
      'inspecting',
      'inspect wait',
    ])
  })

  it('fields of our own are shown to those who ask for them by name', async () => {
    const { uuid } = await make()
    const { status, body } = await site.api('GET', `/v1/nodes/${uuid}?fields=uuid,stale_since`)
    expect([status, body]).toEqual([200, { uuid, stale_since: null, links: expect.anything() }])
  })

  it('before names a validation by one is 406, wherever it is said', async () => {
    const { uuid } = await make()
    const seen = async (path: string) =>
      (await site.api('GET', path, undefined, { 'X-OpenStack-Ironic-API-Version': '1.4' })).status
    expect([await seen('/v1/nodes/nobody/validate'), await seen('/v1/nodes/validate?node=nobody')]).toEqual([406, 406])
    expect(await seen('/v1/ports?node=nobody')).toBe(406)
    expect(await seen(`/v1/ports?node=${uuid}`)).toBe(200)
  })

  it('names came with 1.5, fields with 1.8', async () => {
    await make({ name: 'by-name' })
    expect(
      (await site.api('GET', '/v1/nodes/by-name', undefined, { 'X-OpenStack-Ironic-API-Version': '1.4' })).status,
    ).toBe(404)
    expect(
      (await site.api('GET', '/v1/nodes/by-name', undefined, { 'X-OpenStack-Ironic-API-Version': '1.5' })).status,
    ).toBe(200)
    expect(
      (await site.api('GET', '/v1/nodes?fields=uuid', undefined, { 'X-OpenStack-Ironic-API-Version': '1.7' })).status,
    ).toBe(406)
    expect(
      (await site.api('GET', '/v1/nodes?fields=owner', undefined, { 'X-OpenStack-Ironic-API-Version': '1.49' })).status,
    ).toBe(406)
    expect(
      (await site.api('GET', '/v1/nodes?owner=x', undefined, { 'X-OpenStack-Ironic-API-Version': '1.49' })).status,
    ).toBe(406)
  })

  it('paths without v1 and with a slash at the end are the same', async () => {
    const { uuid } = await make()
    for (const path of [`/nodes/${uuid}`, `/v1/nodes/${uuid}/`, `/v1/nodes/${uuid.toUpperCase()}`]) {
      expect((await site.api('GET', path)).body.uuid).toBe(uuid)
    }
  })

  it('until 1.10 a name that is none of a host is none', async () => {
    const { uuid } = await make()
    const name = `a~${uuid.slice(-12)}`
    await site.api('PATCH', `/v1/nodes/${uuid}`, [{ op: 'add', path: '/name', value: name }])
    const seen = async (ident: string, version: string) =>
      (await site.api('GET', `/v1/nodes/${ident}`, undefined, { 'X-OpenStack-Ironic-API-Version': version })).status
    expect([await seen(name, '1.4'), await seen(name, '1.9'), await seen(name, '1.10')]).toEqual([404, 400, 200])
    expect(await seen('nobody.example', '1.9')).toBe(404)
  })

  it('until 1.91 .json at the end of a path is no part of it, but of a name that is not found without it', async () => {
    const [plain, dotted] = [await make(), await make()]
    const name = `n${plain.uuid.slice(-12)}`
    for (const [node, wanted] of [
      [plain, name],
      [dotted, `${name}-b.json`],
    ] as const)
      await site.api('PATCH', `/v1/nodes/${node.uuid}`, [{ op: 'add', path: '/name', value: wanted }])
    const seen = async (path: string, version: string, method = 'GET', body?: unknown) => {
      const reply = await site.api(method, path, body, { 'X-OpenStack-Ironic-API-Version': version })
      return reply.status === 200 ? (reply.body.uuid ?? 'another') : reply.status
    }
    expect(await seen(`/v1/nodes/${name}.json`, '1.90')).toBe(plain.uuid)
    expect(await seen(`/v1/nodes/${plain.uuid}.json/`, '1.90')).toBe(plain.uuid)
    expect(await seen(`/nodes/${name}-b.json`, '1.90')).toBe(dotted.uuid)
    const patch = [{ op: 'add', path: '/extra/a', value: 1 }]
    expect(await seen(`/v1/nodes/${name}-b.json`, '1.90', 'PATCH', patch)).toBe(dotted.uuid)
    for (const path of ['/v1/nodes.json', `/v1/nodes/${name}/states.json`, '/v1/openapi.json'])
      expect([path, await seen(path, '1.90')]).toEqual([path, 'another'])
    expect(await seen(`/v1/nodes/${name}-b/states.json`, '1.90'), 'only of what the path ends with').toBe(404)
    expect(await seen(`/v1/nodes/${name}.json`, '1.91')).toBe(404)
    expect(await seen(`/v1/nodes/${name}-b.json`, '1.91')).toBe(dotted.uuid)
    expect(await seen('/v1/nodes.json', '1.91')).toBe(404)
  })

  it('links start with the address that was asked', async () => {
    const { uuid, links, ports } = await make()
    expect(links).toEqual([
      { href: `${site.host.url}/v1/nodes/${uuid}`, rel: 'self' },
      { href: `${site.host.url}/nodes/${uuid}`, rel: 'bookmark' },
    ])
    expect(ports[0].href).toBe(`${site.host.url}/v1/nodes/${uuid}/ports`)
  })

  it('a secret is nowhere: not in answers, not in rows, not in the log of events', async () => {
    const canary = 'canary-93b1'
    const { uuid } = await make({
      driver_info: { fake_password: canary, fake_address: 'x' },
      instance_info: { image_url: `https://x/${canary}`, image_pull_secret: canary },
    })
    await set(uuid, `driver_internal_info = '{"agent_secret_token": "${canary}", "n": [1, {"a": null}], "t": true}'`)
    await site.api('PATCH', `/v1/nodes/${uuid}`, [
      { op: 'add', path: '/driver_info/fake_password', value: `${canary}2` },
    ])
    const seen: string[] = []
    for (const path of [
      `/v1/nodes/${uuid}`,
      '/v1/nodes/detail',
      '/v1/nodes?fields=driver_info,instance_info,driver_internal_info',
      `/v1/nodes/${uuid}/timeline`,
      '/v1/events',
      `/v1/nodes/${uuid}/history?detail=true`,
    ]) {
      const { status, text } = await site.api('GET', path)
      expect([status, text]).toEqual([200, expect.anything()])
      seen.push(text)
    }
    expect(seen.join('')).not.toContain(canary)
    expect(seen.join('')).not.toContain('sealed:')
    const { body } = await site.api('GET', `/v1/nodes/${uuid}`)
    expect(body.driver_info).toEqual({ fake_password: '******', fake_address: 'x' })
    expect(body.instance_info).toEqual({ image_url: '******', image_pull_secret: '******' })
    expect(body.driver_internal_info).toEqual({ agent_secret_token: '******', n: [1, { a: null }], t: true })
  })

  it('a config drive in instance_info is kept sealed, as one of a verb is', async () => {
    const sql = site.host.store.organisation(site.enrolled.organisation)
    const kept = async (uuid: string) => {
      const [row] = await sql.all('SELECT secrets FROM nodes WHERE uuid = ?', [uuid])
      return (JSON.parse(String(row![0])) as Record<string, string>)['instance_info.configdrive']
    }
    const made = await site.api('POST', '/v1/nodes', {
      driver: 'fake-hardware',
      instance_info: { configdrive: 'QUJD', image_checksum: 'ab' },
    })
    expect([made.status, made.body.instance_info]).toEqual([201, { configdrive: '******', image_checksum: 'ab' }])
    const { uuid } = made.body
    const of = new RegExp(`^blob:sites/[^/]+/nodes/${uuid}/configdrive-`)
    const keys = [await kept(uuid)]
    const patch = (path: string, value?: unknown, headers?: Record<string, string>) =>
      site.api('PATCH', `/v1/nodes/${uuid}`, [{ op: value === undefined ? 'remove' : 'add', path, value }], headers)
    for (const [path, value] of [
      ['/instance_info/configdrive', 'QUJE'],
      ['/instance_info', { configdrive: { meta_data: { hostname: 'h' } } }],
    ] as const) {
      const reply = await patch(path, value)
      expect([reply.status, reply.body.instance_info.configdrive]).toEqual([200, '******'])
      keys.push(await kept(uuid))
    }
    for (const key of keys) expect(key).toMatch(of)
    expect(new Set(keys).size, 'each has a blob of its own').toBe(3)
    expect((await patch('/instance_info', { configdrive: '******', a: 1 })).status, 'what was read, written back').toBe(
      200,
    )
    expect(await kept(uuid)).toBe(keys[2])
    for (const wrong of ['not base64!', { nope: 1 }, 5, keys[0]])
      expect((await patch('/instance_info/configdrive', wrong)).status, JSON.stringify(wrong)).toBe(400)
    const parts = { meta_data: {} }
    const old = { 'X-OpenStack-Ironic-API-Version': '1.55' }
    expect((await patch('/instance_info/configdrive', parts, old)).status).toBe(406)
    expect(await kept(uuid), 'what is refused changes nothing').toBe(keys[2])
    expect((await patch('/instance_info/configdrive')).status).toBe(200)
    expect(await kept(uuid)).toBeUndefined()
    expect((await patch('/instance_info', { configdrive: '******' })).status, 'there is nothing to keep').toBe(400)
  })

  it('lists filter, sort and go on from a marker in both directions', async () => {
    const made: string[] = []
    for (const owner of ['b', 'a', null, 'a']) made.push((await make({ owner, resource_class: 'sorted' })).uuid)
    const walk = async (query: string) => {
      const found: string[] = []
      let path = `/v1/nodes?resource_class=sorted&limit=1&${query}`
      for (let i = 0; i < 6; i++) {
        const { body } = await site.api('GET', path)
        found.push(...body.nodes.map((node: { uuid: string }) => made.indexOf(node.uuid)))
        if (!body.next) break
        path = body.next.slice(site.host.url.length)
      }
      return found
    }
    expect(await walk('')).toEqual([0, 1, 2, 3])
    expect(await walk('sort_dir=desc')).toEqual([3, 2, 1, 0])
    expect(await walk('sort_key=owner')).toEqual([2, 1, 3, 0])
    expect(await walk('sort_key=owner&sort_dir=desc')).toEqual([0, 3, 1, 2])
    expect(await walk('owner=a')).toEqual([1, 3])
    expect(await walk('project=b')).toEqual([0])
    expect(
      await walk('associated=false&retired=no&maintenance=0&fault=none&conductor=c1&conductor_group=DEFAULT'),
    ).toEqual([0, 1, 2, 3])
    expect(await walk('associated=true')).toEqual([])
  })

  it('a list holds 1,000 at most and says where the next page is', async () => {
    const { body } = await site.api('GET', '/v1/nodes?limit=100000')
    expect(body.nodes.length).toBeLessThanOrEqual(1000)
    expect(body.next).toBeUndefined()
  })

  it('a fault that no node can have is no filter', async () => {
    for (const fault of ['power failure', 'clean failure', 'service failure', 'rescue abort failure', 'none'])
      expect((await site.api('GET', `/v1/nodes?fault=${fault}`)).status).toBe(200)
    const { status, body } = await site.api('GET', '/v1/nodes?fault=broken')
    expect([status, body.detail]).toEqual([400, expect.stringContaining('power failure')])
  })

  it('a filter value cannot become SQL', async () => {
    const { body } = await site.api('GET', `/v1/nodes?owner=${encodeURIComponent("' OR 1=1 --@")}`)
    expect(body).toEqual({ nodes: [] })
    expect((await site.api('GET', "/v1/nodes?fields=uuid'")).status).toBe(400)
  })

  it('a verb that is not possible says what is', async () => {
    const { uuid } = await make()
    const { body } = await site.api('PUT', `/v1/nodes/${uuid}/states/provision`, { target: 'provide' })
    expect(body).toMatchObject({ status: 400, code: 'state.invalid', hint: 'from here: manage' })
  })

  it('verbs need their version, and come before the state machine', async () => {
    const { uuid } = await make()
    const put = async (version: string, target: string) =>
      (
        await site.api(
          'PUT',
          `/v1/nodes/${uuid}/states/provision`,
          { target },
          { 'X-OpenStack-Ironic-API-Version': version },
        )
      ).status
    expect(await put('1.3', 'manage')).toBe(406)
    expect(await put('1.72', 'deploy')).toBe(406)
    expect(await put('1.73', 'deploy')).toBe(400)
  })

  it('what is in the arguments of a verb is looked at last', async () => {
    const { uuid } = await make()
    const put = async (body: object, version = 'latest') => {
      const headers = { 'X-OpenStack-Ironic-API-Version': version }
      const reply = await site.api('PUT', `/v1/nodes/${uuid}/states/provision`, body, headers)
      return [reply.status, reply.body.code]
    }
    const wrong = { configdrive: { zzz: 1 }, deploy_steps: [{ interface: 'zzz' }] }
    expect(await put({ target: 'deploy', ...wrong }, '1.72')).toEqual([406, 'version.unsupported'])
    expect(await put({ target: 'active', ...wrong })).toEqual([400, 'state.invalid'])
    const absent = await site.api('PUT', '/v1/nodes/nobody/states/provision', { target: 'zzz' })
    expect(absent.status, 'the node is looked for first').toBe(404)
    expect(await put({ target: 'active', configdrive: 7 })).toEqual([400, 'request.invalid'])
    await set(uuid, "provision_state = 'available'")
    expect(await put({ target: 'active', ...wrong })).toEqual([400, 'request.invalid'])
  })

  it('a change of power is refused for its node, then its version, then what is in it', async () => {
    const { uuid } = await make()
    const put = async (ident: string, body: object, version: string) =>
      (await site.api('PUT', `/v1/nodes/${ident}/states/power`, body, { 'X-OpenStack-Ironic-API-Version': version }))
        .status
    expect(await put('nobody', { target: 'zzz' }, '1.82')).toBe(404)
    expect(await put(uuid, { target: 'soft power off', timeout: -1 }, '1.26')).toBe(406)
    expect(await put(uuid, { target: 'soft power off', timeout: -1 }, '1.27')).toBe(400)
  })

  it('maintenance refuses a deploy before the state machine does', async () => {
    const { uuid } = await make()
    expect((await site.api('PUT', `/v1/nodes/${uuid}/maintenance`, { reason: 'disk' })).status).toBe(202)
    expect((await site.api('GET', `/v1/nodes/${uuid}`)).body).toMatchObject({
      maintenance: true,
      maintenance_reason: 'disk',
    })
    expect((await site.api('PUT', `/v1/nodes/${uuid}/states/provision`, { target: 'active' })).body.code).toBe(
      'node.maintenance',
    )
  })

  it('arguments that nobody would obey are refused, not ignored', async () => {
    const { uuid } = await make()
    await set(uuid, "provision_state = 'available'")
    for (const more of [
      { clean_steps: [{ interface: 'deploy', step: 'erase_devices' }] },
      { deploy_steps: [{ interface: 'deploy', step: 'erase_devices' }] },
      { rescue_password: 'x' },
      { configdrive: 'not base64!' },
      { configdrive: { nope: 1 } },
    ]) {
      expect((await site.api('PUT', `/v1/nodes/${uuid}/states/provision`, { target: 'active', ...more })).status).toBe(
        400,
      )
    }
    const old = { 'X-OpenStack-Ironic-API-Version': '1.55' }
    expect(
      (
        await site.api(
          'PUT',
          `/v1/nodes/${uuid}/states/provision`,
          { target: 'active', configdrive: { meta_data: {} } },
          old,
        )
      ).status,
    ).toBe(406)
  })

  it('a node whose task is under way is locked', async () => {
    const { uuid } = await make()
    await set(uuid, "task = '018f0000-0000-7000-8000-000000000000', reservation = 'c9'")
    const { body } = await site.api('PUT', `/v1/nodes/${uuid}/states/provision`, { target: 'provide' })
    expect(body).toMatchObject({
      status: 409,
      code: 'node.locked',
      detail: expect.stringContaining('locked by host c9'),
    })
  })

  it.each([
    ['PUT', 'management/boot_device', { boot_device: 'pxe' }],
    ['PUT', 'management/inject_nmi', {}],
    ['PUT', 'management/indicators/led@system', { state: 'on' }],
    ['POST', 'vmedia', { device_type: 'cdrom', image_url: 'http://images/x.iso' }],
    ['DELETE', 'vmedia', undefined],
    ['POST', 'vendor_passthru/third_method_sync', { bar: 'meow' }],
  ] as const)(
    'while its task is under way, %s %s is refused before the machine is told',
    async (method, path, body) => {
      const { uuid } = await make()
      await site.conductor.granted(uuid)
      await set(uuid, "task = '018f0000-0000-7000-8000-000000000000', reservation = 'c9'")
      const told = () => site.conductor.received.filter((each) => each.type === 'call' && each.node === uuid)
      expect((await site.api(method, `/v1/nodes/${uuid}/${path}`, body)).body).toMatchObject({
        status: 409,
        detail: expect.stringContaining('locked by host c9'),
      })
      // What only looks goes on.
      expect((await site.api('GET', `/v1/nodes/${uuid}/management/boot_device`)).status).toBe(200)
      const asked = told().map((each) => 'method' in each && each.method)
      expect(asked.filter((each) => each !== 'get_methods')).toEqual(['get_boot_device'])
    },
  )
})
