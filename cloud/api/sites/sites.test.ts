import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemEnv } from '../../../shared/env.ts'
import { hashToken, newToken } from '../../../shared/ids.ts'
import { fingerprint } from '../../../shared/sealing.ts'
import { CONNECT_PATH, ENROL_PATH } from '../../../shared/upgrade.ts'
import { startTestHost, type TestHost } from '../../hosts/node/test-host.ts'
import { ask, enrol, newEnrolment, TestConductor, upgradeHeaders, type Reply } from '../../hosts/test-conductor.ts'

describe('sites and enrolment', () => {
  let host: TestHost
  let nowMs = 0
  beforeAll(async () => {
    const env = { ...systemEnv, now: () => Date.now() + nowMs, mono: () => performance.now() + nowMs }
    host = await startTestHost({ env })
  })
  afterAll(() => host.stop())
  const api = (method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Reply> =>
    ask(host, method, path, body, headers)
  const site = (name: string) => api('POST', '/v1/sites', { name })
  const token = async (name: string, body: unknown = {}) =>
    (await api('POST', `/v1/sites/${name}/enrol-tokens`, body)).body
  const rows = async (sql: string) => {
    const { store } = host.cloud.ports
    const [[organisation]] = (await store.directory.all('SELECT id FROM organisations')) as [[string]]
    return store.organisation(organisation).all(sql)
  }

  it('has the agents of its nodes left for what comes next, or not', async () => {
    const { body } = await site('agents-left')
    expect(body.fast_track).toBe(false)
    const patch = (operation: object) => api('PATCH', `/v1/sites/${body.uuid}`, [{ path: '/fast_track', ...operation }])
    expect((await patch({ op: 'replace', value: true })).body.fast_track).toBe(true)
    expect((await patch({ op: 'replace', value: 'yes' })).status).toBe(400)
    expect((await patch({ op: 'remove' })).status).toBe(400)
  })

  it('is told how its nodes are cleaned, waited for and left, and how many at once', async () => {
    const { body } = await site('told')
    expect(body).toMatchObject({
      automated_clean: true,
      callback_timeouts_s: { deploy: 1800, clean: 1800, service: 1800, rescue: 1800, inspect: 1800 },
      boot_retry_s: null,
      poweroff_in_cleanfail: false,
      power_off_after_deploy_failure: true,
      max_concurrent_deploy: 250,
      max_concurrent_clean: 50,
    })
    const put = (path: string, value: unknown) =>
      api('PATCH', `/v1/sites/${body.uuid}`, [{ op: 'replace', path, value }])
    expect((await put('/automated_clean', false)).body.automated_clean).toBe(false)
    expect((await put('/callback_timeouts_s', { deploy: 0, clean: 60 })).body.callback_timeouts_s).toEqual({
      ...body.callback_timeouts_s,
      deploy: 0,
      clean: 60,
    })
    expect((await put('/boot_retry_s', 300)).body.boot_retry_s).toBe(300)
    expect((await put('/max_concurrent_clean', 5)).body.max_concurrent_clean).toBe(5)
    for (const [path, value] of [
      ['/callback_timeouts_s', { deploy: -1 }],
      ['/callback_timeouts_s', { adopt: 60 }],
      ['/boot_retry_s', 5],
      ['/max_concurrent_deploy', 0],
      ['/poweroff_in_cleanfail', null],
    ] as const)
      expect([path, (await put(path, value)).status]).toEqual([path, 400])
    const removed = await api('PATCH', `/v1/sites/${body.uuid}`, [{ op: 'remove', path: '/callback_timeouts_s' }])
    expect(removed.body.callback_timeouts_s).toEqual(body.callback_timeouts_s)
  })

  it('a site is made, found by name and UUID, changed', async () => {
    const made = await api('POST', '/v1/sites', { name: 'fra1', description: 'Frankfurt' })
    expect([made.status, made.text]).toEqual([201, expect.anything()])
    expect(made.body).toMatchObject({
      name: 'fra1',
      pool: null,
      public_key: null,
      fingerprint: null,
      ca: null,
      lease_ms: 15_000,
    })
    expect((await api('GET', `/v1/sites/${made.body.uuid}`)).body).toEqual(made.body)
    const pool = { cidr: '192.0.2.0/24', first: '192.0.2.10', last: '192.0.2.99', router: '192.0.2.1' }
    const patched = await api('PATCH', '/v1/sites/fra1', [{ op: 'add', path: '/pool', value: pool }])
    expect([patched.status, patched.body.pool]).toEqual([200, pool])
    expect((await api('PATCH', '/v1/sites/fra1', [{ op: 'remove', path: '/pool' }])).body.pool).toBeNull()
    expect((await api('POST', '/v1/sites', { name: 'fra1' })).status).toBe(409)
    expect((await api('GET', '/v1/sites/nowhere')).status).toBe(404)
  })

  it.each([
    { name: 'Upper' },
    { name: '' },
    { name: '018f0000-x' },
    { name: 'x', pool: { cidr: '192.0.2.0/24' } },
    { name: 'x', pool: { cidr: 'x', first: '192.0.2.1', last: '192.0.2.2' } },
    { name: 'x', hub_no: 1 },
  ])('%j is refused', async (body) => {
    expect((await api('POST', '/v1/sites', body)).status).toBe(400)
  })

  it('sites are listed in pages', async () => {
    await site('page-a')
    await site('page-b')
    const { body } = await api('GET', '/v1/sites?limit=1')
    const second = await api('GET', body.next.slice(host.url.length))
    expect([body.sites.length, second.body.sites.length]).toEqual([1, 1])
    expect(second.body.sites[0].name).not.toBe(body.sites[0].name)
  })

  it('an enrolment token is shown once and kept as a hash', async () => {
    await site('tokens')
    const made = await token('tokens', { ttl: 3600, uses: 2, labels: { row: '7' } })
    expect(made).toMatchObject({
      token: expect.stringMatching(/^fre_[0-9A-Za-z]{36}$/),
      uses_left: 2,
      labels: { row: '7' },
    })
    const { body, text } = await api('GET', '/v1/sites/tokens/enrol-tokens')
    expect(body.enrol_tokens).toMatchObject([{ uuid: made.uuid, uses_left: 2, revoked_at: null }])
    expect(text).not.toContain(made.token)
    expect(text).not.toContain(await hashToken(made.token))
    for (const wrong of [{ ttl: 0 }, { ttl: 31 * 86_400 }, { uses: 0 }, { zzz: 1 }]) {
      expect((await api('POST', '/v1/sites/tokens/enrol-tokens', wrong)).status).toBe(400)
    }
  })

  it('a conductor enrols: keys are stored, the first one makes the site key', async () => {
    await site('enrol')
    const first = await newEnrolment((await token('enrol', { labels: { a: 'b' } })).token, 'c1')
    const reply = await api('POST', ENROL_PATH, first.body, { Authorization: '' })
    expect([reply.status, reply.text]).toEqual([201, expect.anything()])
    expect(reply.body).toMatchObject({
      site_key: first.body.site_key,
      fingerprint: await fingerprint(first.body.site_key),
      site_ca: 'PEM',
      server_time: expect.any(String),
    })
    expect(
      await rows(`SELECT hostname, identity_key, box_key, labels FROM conductors WHERE id = '${reply.body.conductor}'`),
    ).toEqual([['c1', first.body.identity_key, first.body.box_key, '{"a":"b"}']])
    // The second conductor brings another site key; the site keeps the first.
    const second = await newEnrolment((await token('enrol')).token, 'c2')
    expect((await api('POST', ENROL_PATH, second.body)).body.site_key).toBe(first.body.site_key)
    expect((await api('GET', '/v1/sites/enrol')).body.fingerprint).toBe(await fingerprint(first.body.site_key))
    expect((await api('GET', '/v1/conductors?detail=true')).body.conductors).toMatchObject([
      { hostname: 'c1', alive: false, drivers: [], conductor_group: 'enrol' },
      { hostname: 'c2' },
    ])
  })

  it('a used, expired, revoked or unknown token makes no conductor, and is audited', async () => {
    await site('burnt')
    const enrolWith = async (text: string, hostname: string) =>
      (await api('POST', ENROL_PATH, (await newEnrolment(text, hostname)).body)).body
    const used = (await token('burnt')).token
    expect((await enrolWith(used, 'a')).conductor).toBeDefined()
    expect(await enrolWith(used, 'b')).toMatchObject({
      status: 401,
      code: 'token.used',
      hint: expect.stringContaining('enrol-tokens'),
    })
    const revoked = await token('burnt')
    expect((await api('DELETE', `/v1/sites/burnt/enrol-tokens/${revoked.uuid}`)).status).toBe(204)
    expect((await api('DELETE', `/v1/sites/burnt/enrol-tokens/${crypto.randomUUID()}`)).status).toBe(404)
    expect(await enrolWith(revoked.token, 'c')).toMatchObject({
      code: 'token.expired',
      detail: expect.stringContaining('revoked'),
    })
    const expired = (await token('burnt', { ttl: 60 })).token
    nowMs += 61_000
    expect(await enrolWith(expired, 'd')).toMatchObject({ code: 'token.expired' })
    expect(await enrolWith(newToken('fre', systemEnv), 'e')).toMatchObject({ code: 'token.unknown' })
    expect(await enrolWith('fre_typo', 'f')).toMatchObject({ code: 'token.unknown' })
    expect(
      await rows("SELECT count(*) FROM conductors c JOIN sites s ON s.id = c.site WHERE s.name = 'burnt'"),
    ).toEqual([[1]])
    expect(
      await rows("SELECT outcome FROM audit WHERE action = 'conductor.enrol' AND outcome <> 'ok' ORDER BY id"),
    ).toEqual([['token.used'], ['token.expired'], ['token.expired']])
  })

  it('of many enrolments at once with one token, one wins', async () => {
    await site('race')
    const { token: text } = await token('race')
    const bodies = await Promise.all(Array.from({ length: 8 }, (_, i) => newEnrolment(text, `r${i}`)))
    const replies = await Promise.all(bodies.map(({ body }) => api('POST', ENROL_PATH, body)))
    expect(replies.map((reply) => reply.status).sort()).toEqual([201, ...Array.from({ length: 7 }, () => 401)])
  })

  it('a host that is installed anew stays the same conductor, but not while it runs', async () => {
    await site('again')
    const first = await enrol(host, 'again-1', 'again')
    const conductor = await TestConductor.start(host, first, 'again-1')
    await expect(enrol(host, 'again-1', 'again')).rejects.toThrow('is running')
    conductor.stop()
    nowMs += 120_000
    const second = await enrol(host, 'again-1', 'again')
    expect(second.conductor).toBe(first.conductor)
    const quiet = { onMessage: () => undefined, onClose: () => undefined }
    const old = await host.connect(
      CONNECT_PATH,
      await upgradeHeaders(host, first, CONNECT_PATH, Date.now() + nowMs),
      quiet,
    )
    expect(old instanceof Response && old.status).toBe(401)
  })

  it.each([
    ['no upgrade', {}, 400],
    ['another subprotocol', { Upgrade: 'websocket', 'Sec-WebSocket-Protocol': 'chat' }, 400],
  ])('connect with %s is refused', async (_what, headers, status) => {
    // fetch() may not send Upgrade, so the app is asked itself.
    const { createApp } = await import('../../app.ts')
    const response = await createApp(host.cloud.ports).fetch(
      new Request(`${host.url}${CONNECT_PATH}`, { headers: headers as Record<string, string> }),
    )
    expect(response.status).toBe(status)
  })

  it('a revoked conductor is refused with 403', async () => {
    await site('revoked')
    const enrolled = await enrol(host, 'rv', 'revoked')
    await host.cloud.ports.store.directory.batch([
      { sql: "UPDATE conductor_keys SET revoked_at = 'x' WHERE id = ?", args: [enrolled.conductor] },
    ])
    const headers = await upgradeHeaders(host, enrolled, CONNECT_PATH, Date.now() + nowMs)
    const answer = await host.connect(CONNECT_PATH, headers, { onMessage: () => undefined, onClose: () => undefined })
    expect(answer instanceof Response && answer.status).toBe(403)
  })
})
