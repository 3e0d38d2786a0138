// Resources of the organisation itself: chassis, deploy templates, runbooks, inspection rules.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startTestSite } from '#test-site'
import type { TestSite } from '../hosts/test-site.ts'
import { fresh } from '../hosts/test-conductor.ts'
import { ACTIONS, NOT_OFFERED } from '../inspection-rules/actions.ts'
import { freshTrait, newNode, sample } from './testdata/samples.ts'

let site: TestSite
beforeAll(async () => {
  site = await startTestSite()
})
afterAll(() => site.stop())
const make = async (path: string, more: object = {}) => {
  const made = await site.api('POST', `/v1/${path}`, { ...sample(path, ''), ...more })
  expect([made.status, made.text]).toEqual([201, expect.anything()])
  return made.body
}
const status = async (method: string, path: string, body?: unknown, version?: number) =>
  (await site.api(method, path, body, version ? { 'X-OpenStack-Ironic-API-Version': `1.${version}` } : {})).status
const patch = (path: string, name: string, value: unknown, op = 'replace') =>
  site.api('PATCH', path, [{ op, path: `/${name}`, value }])

describe('chassis', () => {
  it('56: its nodes are a list in a list, and a chassis with nodes stays', async () => {
    const { uuid, nodes } = await make('chassis')
    expect(nodes).toEqual([
      [
        { rel: 'self', href: `${site.host.url}/v1/chassis/${uuid}/nodes` },
        { rel: 'bookmark', href: `${site.host.url}/chassis/${uuid}/nodes` },
      ],
    ])
    const node = await newNode(site, { chassis_uuid: uuid })
    expect((await site.api('GET', `/v1/chassis/${uuid}/nodes`)).body.nodes).toMatchObject([{ uuid: node }])
    expect((await site.api('GET', `/v1/nodes?chassis_uuid=${uuid}`)).body.nodes).toMatchObject([{ uuid: node }])
    expect(await status('DELETE', `/v1/chassis/${uuid}`)).toBe(400)
    const out = [{ op: 'remove', path: '/chassis_uuid' }]
    expect(await status('PATCH', `/v1/nodes/${node}`, out, 24)).toBe(406)
    expect(await status('PATCH', `/v1/nodes/${node}`, out, 25)).toBe(200)
    expect(await status('DELETE', `/v1/chassis/${uuid}`)).toBe(204)
  })

  it('that does not exist holds no node', async () => {
    const absent = crypto.randomUUID()
    expect(await status('POST', '/v1/nodes', { driver: 'fake-hardware', chassis_uuid: absent })).toBe(400)
    expect((await patch(`/v1/nodes/${await newNode(site)}`, 'chassis_uuid', absent)).status).toBe(400)
  })

  it('changes are in the audit log, with who made them', async () => {
    const { uuid } = await make('chassis')
    await patch(`/v1/chassis/${uuid}`, 'description', 'x')
    await site.api('DELETE', `/v1/chassis/${uuid}`)
    const { audit } = (await site.api('GET', `/v1/audit?target=${uuid}`)).body
    expect(audit).toMatchObject([
      { action: 'chassis.deleted', actor: 'token:first' },
      { action: 'chassis.updated', body: { fields: ['description'] } },
      { action: 'chassis.created', request_id: expect.stringMatching(/^req-/) },
    ])
  })

  it('changes sent at once all happen', async () => {
    const { uuid } = await make('chassis')
    const keys = ['a', 'b', 'c', 'd']
    const replies = await Promise.all(keys.map((key) => patch(`/v1/chassis/${uuid}`, `extra/${key}`, 1, 'add')))
    expect(replies.map(({ status }) => status)).toEqual(keys.map(() => 200))
    expect((await site.api('GET', `/v1/chassis/${uuid}`)).body.extra).toEqual({ a: 1, b: 1, c: 1, d: 1 })
  })
})

describe('deploy templates', () => {
  const step = { interface: 'bios', step: 'apply', args: {}, priority: 10 }
  it.each<[string, object]>([
    ['a name that is no trait', { name: 'fast' }],
    ['no steps', { steps: [] }],
    ['a step twice', { steps: [step, { ...step, priority: 20 }] }],
    ['a step without priority', { steps: [{ interface: 'bios', step: 'x', args: {} }] }],
    ['a negative priority', { steps: [{ ...step, priority: -1 }] }],
    ['a priority that is no number', { steps: [{ ...step, priority: '5.0' }] }],
    ['an unknown interface', { steps: [{ ...step, interface: 'network' }] }],
    ['another key in a step', { steps: [{ ...step, order: 1 }] }],
  ])('with %s are refused', async (_what, more) => {
    expect(await status('POST', '/v1/deploy_templates', { ...sample('deploy_templates', ''), ...more })).toBe(400)
  })

  it('may say a priority as a text of digits', async () => {
    const { uuid, steps } = await make('deploy_templates', { steps: [{ ...step, priority: '5' }] })
    expect(steps).toEqual([{ ...step, priority: 5 }])
    expect((await patch(`/v1/deploy_templates/${uuid}`, 'steps/0/priority', '07')).body.steps[0].priority).toBe(7)
  })

  it('are found and changed by name, step by step', async () => {
    const { name, uuid } = await make('deploy_templates')
    expect((await patch(`/v1/deploy_templates/${name}`, 'steps/0/priority', 99)).body.steps[0].priority).toBe(99)
    expect(
      (await patch(`/v1/deploy_templates/${name}`, 'steps/-', { ...step, step: 'y' }, 'add')).body.steps,
    ).toHaveLength(2)
    expect((await patch(`/v1/deploy_templates/${name}`, 'steps/1/step', step.step)).status).toBe(200)
    for (const [path, value, op] of [
      ['steps/0/priority', -1, 'replace'],
      ['steps/-', step, 'add'],
      ['steps/9', undefined, 'remove'],
    ] as const)
      expect([path, (await patch(`/v1/deploy_templates/${uuid}`, path, value, op)).status]).toEqual([path, 400])
    const other = freshTrait()
    expect((await patch(`/v1/deploy_templates/${uuid}`, 'name', other)).body.name).toBe(other)
    expect(
      (await site.api('POST', '/v1/deploy_templates', { ...sample('deploy_templates', ''), name: other })).status,
    ).toBe(409)
  })

  it('below 1.55 are a 404 to readers and a 405 to writers', async () => {
    expect(await status('GET', '/v1/deploy_templates', undefined, 54)).toBe(404)
    expect(await status('POST', '/v1/deploy_templates', {}, 54)).toBe(405)
  })
})

describe.each(['deploy_templates', 'runbooks'])('secrets in steps of %s', (path) => {
  const order = path === 'runbooks' ? { order: 1 } : { priority: 10 }
  const step = (args: object) => ({ interface: 'bios', step: 'apply', ...order, args })
  const open = { user: 'u', password: 'hidden', deep: [{ api_token: 'hidden', n: 1, "it's": null }], secret: null }

  it('are shown as ******, wherever they are', async () => {
    const { uuid, steps } = await make(path, { steps: [step(open), { ...step({ a: 1 }), step: 'other' }] })
    expect(steps[0].args).toEqual({
      user: 'u',
      password: '******',
      deep: [{ api_token: '******', n: 1, "it's": null }],
      secret: null,
    })
    expect(steps[1].args).toEqual({ a: 1 })
    const quoted = await make(path, { steps: [step({ 'a"b': { 'my"password': 'hidden' }, user: 'u' })] })
    expect(quoted.steps[0]).toMatchObject({ step: 'apply', args: '******' })
    const list = await site.api('GET', `/v1/${path}?detail=true`)
    expect(list.text + (await patch(`/v1/${path}/${uuid}`, 'extra/a', 1, 'add')).text).not.toContain('hidden')
    const sql = site.host.store.organisation(site.enrolled.organisation)
    expect(String(await sql.all(`SELECT steps FROM ${path} WHERE uuid = ?`, [uuid]))).toContain('hidden')
  })

  it('that read ****** are not stored as such', async () => {
    const { uuid } = await make(path, { steps: [step(open)] })
    const masked = await patch(`/v1/${path}/${uuid}`, 'steps', [step({ password: '******' })])
    expect([masked.status, masked.body.detail]).toEqual([400, expect.stringContaining('******')])
  })
})

describe('runbooks', () => {
  it('are called like a trait until 1.112', async () => {
    const name = fresh('book')
    expect(await status('POST', '/v1/runbooks', { ...sample('runbooks', ''), name }, 111)).toBe(400)
    expect(await status('POST', '/v1/runbooks', { ...sample('runbooks', ''), name }, 112)).toBe(201)
    const old = await site.api('GET', `/v1/runbooks/${name}`, undefined, { 'X-OpenStack-Ironic-API-Version': '1.111' })
    expect(old.body).not.toHaveProperty('traits')
  })

  it('are public or have an owner', async () => {
    expect(await status('POST', '/v1/runbooks', { ...sample('runbooks', ''), public: true, owner: 'p' })).toBe(400)
    const { uuid } = await make('runbooks', { owner: 'p' })
    expect((await site.api('GET', '/v1/runbooks?owner=p')).body.runbooks).toMatchObject([{ uuid }])
    const one = `/v1/runbooks/${uuid}`
    expect((await patch(one, 'public', true)).body, 'which makes it nobody’s').toMatchObject({
      public: true,
      owner: null,
    })
    expect((await patch(one, 'owner', 'q')).status).toBe(400)
    const both = (isPublic: boolean) =>
      site.api('PATCH', one, [
        { op: 'replace', path: '/owner', value: 'q' },
        { op: 'replace', path: '/public', value: isPublic },
      ])
    expect((await both(true)).status).toBe(400)
    expect((await both(false)).body).toMatchObject({ public: false, owner: 'q' })
  })

  it('take null for a flag', async () => {
    const { uuid, ...made } = await make('runbooks', { public: null, disable_ramdisk: null })
    expect(made).toMatchObject({ public: false, disable_ramdisk: false })
    expect((await patch(`/v1/runbooks/${uuid}`, 'disable_ramdisk', null)).body.disable_ramdisk).toBe(false)
  })

  it('are created with traits, each once', async () => {
    const { traits } = await make('runbooks', { traits: ['CUSTOM_B', 'CUSTOM_A', 'CUSTOM_B'] })
    expect(traits).toEqual(['CUSTOM_A', 'CUSTOM_B'])
    const body = { ...sample('runbooks', ''), traits: ['CUSTOM_A'] }
    expect(await status('POST', '/v1/runbooks', body, 111)).toBe(406)
    expect(await status('POST', '/v1/runbooks', { ...body, traits: ['no trait'] })).toBe(400)
  })

  it('have traits since 1.112', async () => {
    const { uuid } = await make('runbooks')
    const at = `/v1/runbooks/${uuid}/traits`
    expect(await status('PUT', at, { traits: ['CUSTOM_B', 'CUSTOM_A'] })).toBe(204)
    expect(await status('PUT', `${at}/HW_CPU_X86_VMX`)).toBe(204)
    expect(await status('DELETE', `${at}/CUSTOM_B`)).toBe(204)
    expect(await status('DELETE', `${at}/CUSTOM_B`), 'as Ironic: it is not there').toBe(204)
    expect((await site.api('GET', at)).body).toEqual({ traits: ['CUSTOM_A', 'HW_CPU_X86_VMX'] })
    expect((await site.api('GET', `/v1/runbooks/${uuid}`)).body.traits).toEqual(['CUSTOM_A', 'HW_CPU_X86_VMX'])
    expect(await status('DELETE', at)).toBe(204)
    expect((await site.api('GET', at)).body).toEqual({ traits: [] })
    expect(await status('GET', at, undefined, 111)).toBe(404)
  })
})

describe('inspection rules', () => {
  it.each<[string, object]>([
    ['no actions', { actions: [] }],
    ['an unknown action', { actions: [{ op: 'explode' }] }],
    ['an unknown condition', { conditions: [{ op: 'like', args: {} }] }],
    ['a priority out of range', { priority: 10000 }],
    ['another phase', { phase: 'late' }],
    ['a condition with an unknown key', { conditions: [{ op: 'eq', args: [[]], why: 1 }] }],
  ])('with %s are refused', async (_what, more) => {
    expect(await status('POST', '/v1/inspection_rules', { ...sample('inspection_rules', ''), ...more })).toBe(400)
  })

  const doing = (op: string, args?: unknown) => ({ actions: [{ op, args }] })
  const on = (op: string, args?: unknown) => ({ conditions: [{ op, args }] })
  it.each<[string, object, string]>([
    ['a pattern that is none', on('matches', { value: '{node.driver}', regex: 'red(fish' }), 'conditions.0.args: red(fish is no regular expression: missing closing ): `red(fish`'], // prettier-ignore
    ['a pattern that looks back', on('!contains', ['{node.driver}', '(a)\\1']), 'conditions.0.args: (a)\\1 is no regular expression: invalid escape sequence: `\\1`'], // prettier-ignore
    ['a pattern that is no text', on('matches', ['x', null]), 'conditions.0.args: regex must be a text'],
    ['too long a pattern', on('contains', ['x', 'a'.repeat(1025)]), `conditions.0.args: ${'a'.repeat(100)} is no regular expression: it is longer than 1024 characters`], // prettier-ignore
    ['a condition without arguments', on('in-net'), 'conditions.0.args: needs address, subnet'],
    ['a condition without one', on('matches', { value: 1 }), 'conditions.0.args: needs regex'],
    ['a condition with too many', on('is-true', [1, 2]), 'conditions.0.args: takes only value'],
    ['a condition with another', on('eq', { values: [], value: 1 }), 'conditions.0.args: does not know value; possible are values, force_strings'], // prettier-ignore
    ['nothing to compare', on('lt', { values: '{item}' }), 'conditions.0.args: values must be a list'],
    ['an action without arguments', doing('fail'), 'actions.0.args: needs msg'],
    ['an action without one', doing('set-port-attribute', ['{item}', '/extra/a']), 'actions.0.args: needs value'],
    ['an action that calls others', doing('api-call', { url: 'http://192.0.2.1/' }), `actions.0.op: api-call is not offered: ${NOT_OFFERED['api-call']}; possible are ${Object.keys(ACTIONS).join(', ')}`], // prettier-ignore
    ['no action of that name', doing('del-port'), `actions.0.op: possible are ${Object.keys(ACTIONS).join(', ')}`],
    ['an action with another', doing('set-attribute', { path: '/name', value: 'n', unique: true }), 'actions.0.args: does not know unique; possible are path, value'], // prettier-ignore
    ['a loop of too much', { actions: [{ op: 'fail', args: ['x'], loop: Array(401).fill(1) }] }, 'actions.0.loop: takes 400 items at most'], // prettier-ignore
    ['a loop over a text', { actions: [{ op: 'fail', args: ['x'], loop: 'abc' }] }, 'actions.0.loop: must be a list or an object'], // prettier-ignore
    ['arguments that are a text', doing('add-trait', 'CUSTOM_A'), 'actions.0.args: needs name'],
    ['a level that is none', doing('log', { msg: 'x', level: 'loud' }), 'actions.0.args: level is one of debug, info, warning, error, critical'], // prettier-ignore
  ])('with %s are refused, by name', async (_what, more, detail) => {
    const { status: said, body } = await site.api('POST', '/v1/inspection_rules', {
      ...sample('inspection_rules', ''),
      ...more,
    })
    expect([said, body.detail]).toEqual([400, detail])
  })

  it('are not changed into such, either', async () => {
    const { uuid } = await make('inspection_rules', on('matches', { value: '{node.driver}', regex: 'red.*' }))
    const changed = await patch(`/v1/inspection_rules/${uuid}`, 'conditions/0/args/regex', '(?=a)')
    expect([changed.status, changed.body.detail]).toEqual([400, expect.stringContaining('(?=a) is no regular')])
  })

  it('take a pattern that is only known when its fields are', async () => {
    await make('inspection_rules', on('matches', { value: '{node.driver}', regex: '({item}' }))
  })

  it('take null for a phase and a flag, and are listed by phase', async () => {
    const { uuid, ...rule } = await make('inspection_rules', { phase: null, sensitive: null })
    expect(rule).toMatchObject({ phase: 'main', sensitive: false })
    expect((await patch(`/v1/inspection_rules/${uuid}`, 'sensitive', null)).body.sensitive).toBe(false)
    const { body } = await site.api('GET', '/v1/inspection_rules?phase=main')
    expect(body.inspection_rules.map((each: { uuid: string }) => each.uuid)).toContain(uuid)
  })

  it('that are sensitive hide what they do, for good', async () => {
    const conditions = [{ op: '!eq', args: { values: ['{inventory[cpu][count]}', 4] }, multiple: 'any', loop: [1] }]
    const { uuid, ...rule } = await make('inspection_rules', { sensitive: true, conditions })
    expect(rule).toMatchObject({ conditions: null, actions: null, phase: 'main', priority: 0, sensitive: true })
    expect((await patch(`/v1/inspection_rules/${uuid}`, 'sensitive', false)).status).toBe(400)
    expect((await patch(`/v1/inspection_rules/${uuid}`, 'sensitive', undefined, 'remove')).status).toBe(400)
    expect((await patch(`/v1/inspection_rules/${uuid}`, 'priority', 7)).body).toMatchObject({
      priority: 7,
      actions: null,
    })
    const open = await make('inspection_rules', { conditions })
    expect(open).toMatchObject({ conditions, sensitive: false })
    expect((await patch(`/v1/inspection_rules/${open.uuid}`, 'sensitive', true)).body.conditions).toBeNull()
  })

  it('are no resource with names', async () => {
    expect(await status('GET', '/v1/inspection_rules/a-name')).toBe(400)
  })
})
