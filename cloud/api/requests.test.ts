// What holds for every request: tokens, ids, bodies.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startCloud } from '../hosts/node/start.ts'
import { startTestHost, type TestHost } from '../hosts/node/test-host.ts'
import { ask, type Reply } from '../hosts/test-conductor.ts'
import { hashToken, newToken } from '../../shared/ids.ts'
import { systemEnv } from '../../shared/env.ts'

describe('requests', () => {
  let host: TestHost
  let nowMs = 0
  beforeAll(async () => {
    host = await startTestHost({ env: { ...systemEnv, now: () => Date.now() + nowMs } })
  })
  afterAll(() => host.stop())
  const api = (method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply> =>
    ask(host, method, path, body, headers)

  const addToken = async (more: Record<string, string | null> = {}, prefix: 'frp' | 'frs' = 'frs') => {
    const token = newToken(prefix, systemEnv)
    const row: Record<string, string | null> = {
      hash: await hashToken(token),
      id: crypto.randomUUID(),
      name: 't',
      prefix,
      last_four: token.slice(-4),
      created_at: '2026-01-01T00:00:00+00:00',
      scopes: '[]',
      ...more,
    }
    const names = Object.keys(row)
    await host.cloud.ports.store.directory.batch([
      {
        sql: `INSERT INTO tokens (organisation, ${names.join(', ')}) SELECT id, ${names.map(() => '?').join(', ')} FROM organisations`,
        args: Object.values(row),
      },
    ])
    return token
  }

  describe('tokens', () => {
    it.each([
      ['Bearer', (t: string) => ({ Authorization: `Bearer ${t}` })],
      ['bearer', (t: string) => ({ Authorization: `bearer ${t}` })],
      ['X-Auth-Token', (t: string) => ({ Authorization: '', 'X-Auth-Token': t })],
      ['the password of Basic', (t: string) => ({ Authorization: `Basic ${btoa(`admin:${t}`)}` })],
    ])('are taken as %s', async (_form, headers) => {
      expect((await api('GET', '/v1/nodes', undefined, headers(host.token))).status).toBe(200)
    })

    it.each([
      ['none', ''],
      ['an unknown one', `Bearer ${newToken('frp', systemEnv)}`],
      ['a mistyped one', 'Bearer frp_x'],
      ['an enrolment token', `Bearer ${newToken('fre', systemEnv)}`],
      ['broken Basic', 'Basic %%%'],
      ['another scheme', 'Digest x'],
    ])('%s is refused with 401', async (_what, Authorization) => {
      const { status, body, headers } = await api('GET', '/v1/nodes', undefined, { Authorization })
      expect([status, body.code]).toEqual([401, 'auth.missing'])
      expect(headers.get('www-authenticate')).toContain('Basic')
    })

    it('that are expired or revoked are refused', async () => {
      for (const more of [{ expires_at: '2020-01-01T00:00:00+00:00' }, { revoked_at: '2020-01-01T00:00:00+00:00' }]) {
        expect(
          (await api('GET', '/v1/nodes', undefined, { Authorization: `Bearer ${await addToken(more)}` })).status,
        ).toBe(401)
      }
    })

    it('that are revoked in use are refused within a minute', async () => {
      const Authorization = `Bearer ${await addToken()}`
      expect((await api('GET', '/v1/nodes', undefined, { Authorization })).status).toBe(200)
      await host.cloud.ports.store.directory.batch([
        { sql: "UPDATE tokens SET revoked_at = 'now' WHERE prefix = 'frs'", args: [] },
      ])
      nowMs += 61_000
      expect((await api('GET', '/v1/nodes', undefined, { Authorization })).status).toBe(401)
    })

    it('that may only read change nothing', async () => {
      const Authorization = `Bearer ${await addToken({ scopes: '["read"]' })}`
      expect((await api('GET', '/v1/nodes', undefined, { Authorization })).status).toBe(200)
      expect((await api('POST', '/v1/sites', { name: 'x' }, { Authorization })).status).toBe(403)
    })

    it('that may only read get no key to a console: whoever sees a screen has its keyboard, too', async () => {
      const console = `/v1/nodes/${crypto.randomUUID()}/states/console`
      const Authorization = `Bearer ${await addToken({ scopes: '["read"]' })}`
      expect((await api('GET', console, undefined, { Authorization })).status).toBe(403)
      expect((await api('GET', console)).status).toBe(404)
    })
  })

  it('a request id is made, and one that was sent comes back', async () => {
    const { headers } = await api('GET', '/v1/nodes', undefined, { 'X-Request-Id': 'abc-1' })
    expect(headers.get('openstack-request-id')).toMatch(/^req-[0-9a-f-]{36}$/)
    expect(headers.get('x-request-id')).toBe('abc-1')
    expect((await api('GET', '/v1/nodes', undefined, { 'X-Request-Id': 'a b' })).headers.get('x-request-id')).toBeNull()
  })

  it('a body that is too large is refused, told or not', async () => {
    const large = JSON.stringify({ name: 'x'.repeat(1024 * 1024) })
    expect((await api('POST', '/v1/sites', large)).status).toBe(413)
    const stream = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let i = 0; i < 20; i++) controller.enqueue(new TextEncoder().encode('x'.repeat(64 * 1024)))
        controller.close()
      },
    })
    const init = { method: 'POST', body: stream, duplex: 'half', headers: { Authorization: `Bearer ${host.token}` } }
    expect((await host.fetch('/v1/sites', init as RequestInit)).status).toBe(413)
  })

  it('a body that is nested too deep is refused', async () => {
    const deep = `{"name":${'['.repeat(30)}${']'.repeat(30)}}`
    expect((await api('POST', '/v1/sites', deep)).body).toMatchObject({
      status: 400,
      detail: expect.stringContaining('nested'),
    })
    expect((await api('POST', '/v1/sites', '['.repeat(500_000))).status).toBe(400)
  })

  it('a failure inside says nothing but the request id', async () => {
    const { directory } = host.cloud.ports.store
    await directory.batch([{ sql: 'ALTER TABLE enrol_tokens RENAME TO gone', args: [] }])
    const { body } = await api('GET', '/v1/sites/default/enrol-tokens')
    await directory.batch([{ sql: 'ALTER TABLE gone RENAME TO enrol_tokens', args: [] }])
    expect(body).toMatchObject({ status: 500, code: 'internal', request_id: expect.stringMatching(/^req-/) })
    expect(JSON.stringify(body)).not.toMatch(/enrol_tokens|SQL|at /)
    expect(JSON.parse(body.error_message).faultcode).toBe('Server')
  })

  it('without authentication the server listens on loopback only', async () => {
    await expect(startCloud({ dataDir: `${host.dataDir}/x`, port: 0, host: '0.0.0.0', noAuth: true })).rejects.toThrow(
      'loopback',
    )
    const open = await startTestHost({ noAuth: true })
    expect((await ask(open, 'GET', '/v1/nodes', undefined, { Authorization: '' })).status).toBe(200)
    expect((await ask(open, 'GET', '/v1/nodes', undefined, { 'X-Auth-Token': 'fake-token' })).status).toBe(200)
    const page = { Authorization: '', Origin: 'https://evil.example' }
    expect(
      (await ask(open, 'POST', '/v1/nodes', { driver: 'fake-hardware' }, page)).status,
      'a page in a browser',
    ).toBe(403)
    await open.stop()
  })

  it('a second start keeps everything and shows no token', async () => {
    const first = await startCloud({ dataDir: `${host.dataDir}/again`, port: 0 })
    await first.close()
    const second = await startCloud({ dataDir: `${host.dataDir}/again`, port: 0 })
    expect(first.token).toMatch(/^frp_/)
    expect(second.token).toBeUndefined()
    const reply = await fetch(`${second.url}/v1/sites`, { headers: { Authorization: `Bearer ${first.token}` } })
    expect(((await reply.json()) as { sites: unknown[] }).sites).toMatchObject([{ name: 'default' }])
    await second.close()
  })

  it.each([
    ['GET', '/v1/zzz', 404],
    ['PUT', '/v1/chassis', 405],
  ])('%s %s: the version is looked at first', async (method, path, status) => {
    const ask = (version: string) => api(method, path, undefined, { 'X-OpenStack-Ironic-API-Version': version })
    for (const version of ['x', '2.1', '1.999']) expect([version, (await ask(version)).status]).toEqual([version, 406])
    expect((await ask('1.82')).status).toBe(status)
  })
})
