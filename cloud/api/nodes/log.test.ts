import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestSite } from '#test-site'
import type { TestSite } from '../../hosts/test-site.ts'

describe('what happened to a node', () => {
  let site: TestSite
  let uuid: string
  beforeAll(async () => {
    site = await startTestSite()
    uuid = (await site.api('POST', '/v1/nodes', { driver: 'fake-hardware', name: 'n1' })).body.uuid
    await site.conductor.granted(uuid)
    await site.api('PUT', '/v1/nodes/n1/states/power', { target: 'power on' })
    await site.conductor.until(() => site.conductor.received.some((message) => message.type === 'settled'))
    site.conductor.send({
      type: 'notes',
      dropped: 0,
      notes: [
        {
          node: uuid,
          at: Date.now() + 1000,
          stage: 'image.write',
          body: { step: 'deploy.write_image', percent: 40, bytes: 1024 },
        },
      ],
    })
    // Frames are taken in order: the answer to a later one says that the note is stored.
    await site.api('GET', '/v1/nodes/n1/management/boot_device')
  })
  afterAll(() => site.stop())

  it('the timeline has events and notes by time', async () => {
    const { status, body, text } = await site.api('GET', '/v1/nodes/n1/timeline')
    expect([status, text]).toEqual([200, expect.anything()])
    const types = body.timeline.map((entry: { type: string }) => entry.type)
    expect(types[0]).toBe('node.created')
    expect(types.at(-1)).toBe('image.write')
    expect(body.timeline.at(-1)).toMatchObject({ kind: 'note', step: 'deploy.write_image', percent: 40, bytes: 1024 })
    expect(body.timeline.find((entry: { type: string }) => entry.type === 'step.finished')).toMatchObject({
      kind: 'event',
      step: 'power.power_on',
      task: expect.any(String),
    })
    expect(body.timeline.map((entry: { at: string }) => entry.at)).toEqual(
      body.timeline.map((entry: { at: string }) => entry.at).sort(),
    )
  })

  it('the timeline, events and tasks come in pages that miss nothing', async () => {
    for (const [path, key] of [
      ['/v1/nodes/n1/timeline', 'timeline'],
      ['/v1/events', 'events'],
      [`/v1/events?node=${uuid}`, 'events'],
    ] as const) {
      const all = (await site.api('GET', path)).body[key].map((entry: { id: unknown }) => entry.id)
      const found: unknown[] = []
      let next = `${path}${path.includes('?') ? '&' : '?'}limit=2`
      for (let i = 0; next && i < 50; i++) {
        const { body } = await site.api('GET', next)
        found.push(...body[key].map((entry: { id: unknown }) => entry.id))
        next = body.next?.slice(site.host.url.length)
      }
      expect(all.length).toBeGreaterThan(4)
      expect(found).toEqual(all)
    }
  })

  it('history is the same log in Ironic’s form, entry by entry', async () => {
    const { body } = await site.api('GET', '/v1/nodes/n1/history')
    expect(Object.keys(body.history[0]).sort()).toEqual(['created_at', 'event', 'links', 'severity', 'uuid'])
    const entry = await site.api('GET', `/v1/nodes/n1/history/${body.history[0].uuid}`)
    expect(entry.body).toMatchObject({ ...body.history[0], event_type: 'provisioning', user: 'token:first' })
    expect((await site.api('GET', `/v1/nodes/n1/history/${crypto.randomUUID()}`)).status).toBe(404)
    expect(
      (await site.api('GET', '/v1/nodes/n1/history', undefined, { 'X-OpenStack-Ironic-API-Version': '1.77' })).status,
    ).toBe(404)
  })

  it('history has what changed the node and who drove it then, and a failure once', async () => {
    const { store } = site.host
    const sql = store.organisation(site.enrolled.organisation)
    const node = (await site.api('POST', '/v1/nodes', { driver: 'fake-hardware' })).body.uuid
    const task = (await site.api('GET', '/v1/tasks?node=n1')).body.tasks[0].uuid
    const event = (type: string, body: object) => ({
      sql: "INSERT INTO events (at, site, node, task, type, body) SELECT '2026-01-01T00:00:00.500+00:00', site, uuid, ?, ?, ? FROM nodes WHERE uuid = ?",
      args: [task, type, JSON.stringify(body), node],
    })
    const fault = { code: 'bmc.unreachable', message: 'no answer', hint: 'look' }
    await sql.batch([
      event('task.opened', { kind: 'verify' }),
      event('task.started', { kind: 'verify' }),
      event('node.power_state', { from: 'power off', to: 'power on', corrected: true }),
      event('node.provision_state', { from: 'verifying', to: 'enroll', target: null, last_error: 'verify failed: no answer' }),
      event('task.failed', { kind: 'verify', fault }),
      event('task.failed', { kind: 'power', fault }),
      ...[
        ['available', 'deploying'], ['wait call-back', 'deploying'], ['deploying', 'active'], ['active', 'deleting'], ['deleting', 'cleaning'],
        ['clean failed', 'manageable'], ['active', 'servicing'], ['rescue wait', 'rescuing'], ['manageable', 'inspecting'], ['adopting', 'active'],
        ['manageable', 'available'],
      ].map(([from, to]) => event('node.provision_state', { from, to })),
    ]) // prettier-ignore
    const { history } = (await site.api('GET', `/v1/nodes/${node}/history?detail=true`)).body
    const rows = history.map((entry: Record<string, unknown>) =>
      ['event_type', 'severity', 'event', 'conductor'].map((name) => entry[name]),
    )
    expect(rows.slice(0, 3)).toEqual([
      ['provisioning', 'INFO', 'node.created', null],
      ['verify', 'ERROR', 'verify failed: no answer', 'c1'],
      ['monitoring', 'ERROR', 'no answer', 'c1'],
    ])
    expect(rows.slice(3).map(([type]: unknown[]) => type)).toEqual([
      ...['deploying', 'deploying', 'deploying', 'unprovision', 'cleaning', 'cleaning'],
      ...['servicing', 'rescue', 'introspection', 'adoption', 'transition'],
    ])
  })

  it('a long event is cut in the short list, and nowhere else', async () => {
    const sql = site.host.store.organisation(site.enrolled.organisation)
    const node = (await site.api('POST', '/v1/nodes', { driver: 'fake-hardware' })).body.uuid
    const text = 'x'.repeat(300)
    await sql.batch([
      {
        sql: "INSERT INTO events (at, site, node, type, body) SELECT created_at, site, uuid, 'node.provision_state', ? FROM nodes WHERE uuid = ?",
        args: [JSON.stringify({ from: 'verifying', to: 'enroll', last_error: text }), node],
      },
    ])
    const path = `/v1/nodes/${node}/history`
    const last = async (more: string) => (await site.api('GET', `${path}${more}`)).body.history.at(-1)
    const short = await last('')
    expect(short.event).toBe(`${'x'.repeat(251)}...`)
    for (const more of ['?detail=true', '/detail', '/detail?limit=2'])
      expect(await last(more)).toMatchObject({ event: text, event_type: 'verify' })
    expect((await site.api('GET', `${path}/${short.uuid}`)).body.event).toBe(text)
    expect((await site.api('GET', `${path}/detail?limit=1`)).body.next).toContain(`${path}/detail?`)
  })

  it('history says the project, the state in which it happened, and for how long the node had been in it', async () => {
    const { store } = site.host
    const sql = store.organisation(site.enrolled.organisation)
    const node = (await site.api('POST', '/v1/nodes', { driver: 'fake-hardware' })).body.uuid
    const at = (second: number) => `2026-01-01T00:00:0${second}.500+00:00`
    const moved = (second: number, from: string, to: string, target: string | null) => ({
      sql: "INSERT INTO events (at, site, node, type, body) SELECT ?, site, uuid, 'node.provision_state', ? FROM nodes WHERE uuid = ?",
      args: [at(second), JSON.stringify({ from, to, target }), node],
    })
    await sql.batch([
      { sql: 'UPDATE nodes SET created_at = ? WHERE uuid = ?', args: [at(0), node] },
      moved(2, 'enroll', 'verifying', 'manageable'),
      moved(7, 'verifying', 'manageable', null),
    ])
    const asked = (version: number) =>
      site.api('GET', `/v1/nodes/${node}/history?detail=true`, undefined, {
        'X-OpenStack-Ironic-API-Version': `1.${version}`,
      })
    const { history } = (await asked(115)).body
    const facts = history.map((entry: Record<string, unknown>) =>
      ['event_type', 'project', 'state', 'target_provision_state', 'duration_seconds'].map((name) => entry[name]),
    )
    expect(facts[0]).toEqual(['provisioning', null, 'enroll', null, expect.any(Number)])
    expect(facts.slice(1)).toEqual([
      ['verify', null, 'enroll', null, 2],
      ['verify', null, 'verifying', 'manageable', 5],
    ])
    const has = async (version: number) => {
      const [entry] = (await asked(version)).body.history
      return ['project', 'state', 'duration_seconds'].map((name) => name in entry)
    }
    expect(await Promise.all([112, 113, 114].map(has))).toEqual([
      [false, false, false],
      [true, false, false],
      [true, false, false],
    ])
  })

  it('a task shows its steps and how far it is, without arguments or context', async () => {
    const { body } = await site.api('GET', `/v1/tasks?node=n1`)
    expect(body.tasks).toMatchObject([{ kind: 'power', state: 'done', percent: 100, node_uuid: uuid }])
    const task = (await site.api('GET', `/v1/tasks/${body.tasks[0].uuid}`)).body
    expect(task).toMatchObject({
      steps: [{ interface: 'power', step: 'power_on' }],
      steps_done: 1,
      conductor: 'c1',
      actor: 'token:first',
      fault: null,
      request_id: expect.stringMatching(/^req-/),
    })
    expect(task).not.toHaveProperty('context')
    expect((await site.api('GET', `/v1/tasks/${crypto.randomUUID()}`)).status).toBe(404)
    expect((await site.api('GET', '/v1/tasks?state=open')).body.tasks).toEqual([])
  })

  it('events name who asked, and in which request', async () => {
    const { body } = await site.api('GET', '/v1/events?type=node.created&node=n1')
    expect(body.events).toMatchObject([
      { node: uuid, actor: 'token:first', request_id: expect.stringMatching(/^req-/), body: { name: 'n1' } },
    ])
    for (const query of ['limit=0', 'marker=x', 'zzz=1'])
      expect((await site.api('GET', `/v1/events?${query}`)).status).toBe(400)
  })
})
