import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Env, systemEnv } from '../../shared/env.ts'
import { toFault } from '../../shared/faults.ts'
import { EXIT, runCommandLine } from '../cli/cli.ts'
import { OpenStack } from './client.ts'
import { OpenStackConfig, readOpenStackConfig } from './config.ts'
import { isStatus } from './errors.ts'
import { type FakeAnswer, fakeKeystone, type FakeKeystone, type FakeRequest } from './fake-keystone.ts'

const SECRET = 'not-to-be-told'
const NETWORK = { name: 'Neutron', types: ['network'], version: '/v2.0' }
/** Pauses are a thousand times as short; what limits an answer is as long as ever, for a busy machine. */
const quick: Env = { ...systemEnv, setTimer: (ms, run) => systemEnv.setTimer(ms <= 10_000 ? ms / 1000 : ms, run) }
/** Nobody is to answer. */
const hasty: Env = { ...systemEnv, setTimer: (ms, run) => systemEnv.setTimer(ms / 50, run) }

let folder: string
let keystone: FakeKeystone
let opened: OpenStack[]
let answers: ((request: FakeRequest) => FakeAnswer | undefined)[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferrule-openstack-'))
  await writeFile(join(folder, 'secret'), `${SECRET}\n`)
  opened = []
  answers = []
  keystone = await fakeKeystone({
    network: (request) => (answers.shift() ?? (() => ({ body: { ok: true } })))(request),
  })
})
afterEach(async () => {
  await Promise.all(opened.map((each) => each.close()))
  await keystone.close()
  await rm(folder, { recursive: true })
})

function open(change: Partial<Record<keyof OpenStackConfig, unknown>> = {}, env: Env = quick): OpenStack {
  const basic = {
    authUrl: keystone.authUrl,
    username: 'u',
    project: 'p',
    region: 'east',
    secretFile: join(folder, 'secret'),
  }
  const made = new OpenStack(env, OpenStackConfig.parse({ ...basic, ...change }))
  opened.push(made)
  return made
}
const failure = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable('it succeeded'),
    (error: unknown) => error,
  )

test.for([
  [
    'a password',
    {},
    {
      identity: {
        methods: ['password'],
        password: { user: { name: 'u', domain: { name: 'Default' }, password: SECRET } },
      },
      scope: { project: { name: 'p', domain: { name: 'Default' } } },
    },
  ],
  [
    'an application credential, whose project is its own',
    { authType: 'application_credential', credentialId: 'c1' },
    { identity: { methods: ['application_credential'], application_credential: { id: 'c1', secret: SECRET } } },
  ],
  ['a token', { authType: 'token', project: undefined }, { identity: { methods: ['token'], token: { id: SECRET } } }],
] as const)('logs in with %s, and asks the service of its region with the token', async ([, change, auth]) => {
  const { authType, ...more } = change as Record<string, unknown>
  const openstack = open({ ...more, ...(authType ? { authType, username: undefined, project: undefined } : {}) })
  expect(await openstack.service(NETWORK).ask('GET', '/ports', { query: { device_id: 'n', id: ['a', 'b'] } })).toEqual({
    ok: true,
  })
  expect(keystone.logins).toEqual([{ auth }])
  const { path, headers } = keystone.asked[0]!
  expect(path).toBe('/v2.0/ports?device_id=n&id=a&id=b')
  expect(headers['x-auth-token']).toBe('token-1')
  expect(await openstack.projectId()).toBe('p1')
})

test('no login and a fixed endpoint: without a token', async () => {
  await keystone.close()
  keystone = await fakeKeystone({ fixed: () => ({ body: [1] }) }, { open: true })
  const openstack = open({
    authType: 'none',
    authUrl: undefined,
    secretFile: undefined,
    project: undefined,
    endpoints: { network: `${keystone.urlOf('fixed')}/` },
  })
  expect(await openstack.service(NETWORK).ask('GET', '/x')).toEqual([1])
  expect(keystone.logins).toEqual([])
  expect(keystone.asked[0]!.headers).not.toHaveProperty('x-auth-token')
  expect(await openstack.projectId()).toBeUndefined()
  const named = open({ authType: 'none', project: 'p', endpoints: { network: keystone.urlOf('fixed') } })
  await named.service(NETWORK).ask('GET', '/x')
  expect(keystone.asked[1]!.headers['x-auth-token'], 'for services that ask who it is, and believe it').toBe(
    'ferrule:p',
  )
})

test('one login serves all who ask at once, and is renewed shortly before its end', async () => {
  let now = Date.now()
  const openstack = open({}, { ...quick, now: () => now })
  const ask = () => openstack.service(NETWORK).ask('GET', '/x')
  await Promise.all([ask(), ask(), ask()])
  expect(keystone.logins).toHaveLength(1)
  now += keystone.tokenMs - 30_000
  await Promise.all([ask(), ask()])
  expect(keystone.logins).toHaveLength(2)
})

test('a token that does not count any more is replaced once, then it is an error', async () => {
  const openstack = open()
  const ask = () => openstack.service(NETWORK).ask('POST', '/x', { body: {} })
  await ask()
  keystone.revoke()
  expect(await ask()).toEqual({ ok: true })
  expect(keystone.logins).toHaveLength(2)
  answers = Array.from({ length: 2 }, () => () => ({ status: 401, body: { error: { message: `token-3 ${SECRET}` } } }))
  expect(toFault(await failure(ask())).code).toBe('openstack.authentication')
  expect(keystone.logins).toHaveLength(3)
})

test('a login that failed is tried again by the next who asks, with the secret of that time', async () => {
  const openstack = open()
  keystone.refuseWith = { status: 401, body: { error: { message: `wrong password ${SECRET}` } } }
  const fault = toFault(await failure(openstack.service(NETWORK).ask('GET', '/x')))
  expect(fault).toMatchObject({
    code: 'openstack.authentication',
    message: 'Keystone refuses the login (401): wrong password ******',
  })
  expect(fault.hint).toContain('secret')
  await writeFile(join(folder, 'secret'), 'another')
  expect(await openstack.service(NETWORK).ask('GET', '/x')).toEqual({ ok: true })
  expect(JSON.stringify(keystone.logins.at(-1))).toContain('another')
})

test('a service that is away for a while is asked again, and then it is an error with the next action', async () => {
  const away = () => ({
    status: 503,
    body: { NeutronError: { type: 'X', message: 'the database\nis away', detail: '' } },
  })
  answers = [away, away]
  const { ask } = open({ retries: 2 }).service(NETWORK)
  expect(await ask('GET', '/x')).toEqual({ ok: true })
  answers = [away, away, away, away]
  const error = await failure(ask('POST', '/x', { body: {} }))
  expect(toFault(error)).toMatchObject({
    code: 'openstack.unreachable',
    message: 'Neutron answered POST /x with 503: the database is away',
    hint: expect.stringContaining('whether the service runs'),
  })
  expect(isStatus(error, 503)).toBe(true)
  expect(answers).toHaveLength(1)
})

test.for([
  ['GET', 3],
  ['PUT', 3],
  ['POST', 1],
] as const)('%s that is never answered is asked %i times', async ([method, times]) => {
  await keystone.close()
  keystone = await fakeKeystone({ silent: () => undefined }, { open: true })
  const endpoints = { network: keystone.urlOf('silent') }
  const openstack = open({ authType: 'none', endpoints, retries: 2, timeoutS: 20 }, hasty)
  const error = await failure(openstack.service(NETWORK).ask(method, '/x'))
  expect(toFault(error)).toMatchObject({
    code: 'openstack.unreachable',
    message: expect.stringContaining('no answer within 20 s'),
  })
  expect(keystone.asked).toHaveLength(times)
})

test('a proxy that lost the answer to a creation is not asked again', async () => {
  answers = [() => ({ status: 504 })]
  expect(isStatus(await failure(open().service(NETWORK).ask('POST', '/x')), 504)).toBe(true)
  expect(keystone.asked).toHaveLength(1)
})

test('what a service refuses says why, and is not repeated', async () => {
  answers = [() => ({ status: 409, body: { NeutronError: { message: 'MAC is in use' } } })]
  const error = await failure(open().service(NETWORK).ask('POST', '/ports'))
  expect(toFault(error)).toMatchObject({
    code: 'openstack.refused',
    message: 'Neutron answered POST /ports with 409: MAC is in use',
  })
  expect(isStatus(error, 409)).toBe(true)
})

test('the last-moment check is asked before a change leaves, and its refusal is not repeated', async () => {
  const openstack = open()
  await openstack.projectId()
  const error = await failure(
    openstack.service(NETWORK).ask('POST', '/x', {
      before() {
        throw new Error('not ours any more')
      },
    }),
  )
  expect((error as Error).message).toBe('not ours any more')
  expect(keystone.asked).toEqual([])
})

test('whoever gives up is answered at once', async () => {
  const giveUp = new AbortController()
  answers = [() => (giveUp.abort(new Error('enough')), undefined)]
  const error = await failure(open().service(NETWORK).ask('GET', '/x', { signal: giveUp.signal }))
  expect((error as Error).message).toBe('enough')
})

test('a service that the region does not have is an error that says where to name it', async () => {
  const fault = toFault(await failure(open({ region: 'north' }).service(NETWORK).ask('GET', '/x')))
  expect(fault.message).toBe('Neutron (network) is not in the catalogue of region north')
  expect(fault.hint).toContain('"network"')
})

test('what is not Keystone at authUrl is said to be none', async () => {
  keystone.refuseWith = { status: 200, body: { hello: 'world' } }
  expect(toFault(await failure(open().projectId())).message).toContain('is not Keystone v3')
})

test('a file with mistakes names each of them', async () => {
  const file = join(folder, 'openstack.json')
  await writeFile(file, JSON.stringify({ authUrl: 'http://u:p@x', pasword: 'x', secretFile: 'here' }))
  const error = (await failure(readOpenStackConfig(file))) as Error
  for (const part of ['authUrl', 'pasword', 'secretFile']) expect(error.message).toContain(part)
  await writeFile(file, '{}')
  expect(await check(file)).toMatchObject({ code: EXIT.usage })
  const missing = (await failure(readOpenStackConfig(file))) as Error
  for (const key of ['authUrl', 'secretFile', 'username', 'project'])
    expect(missing.message).toContain(`${key}: is needed`)
})

test('check of the configuration prints it, and where it came from', async () => {
  const file = join(folder, 'openstack.json')
  await writeFile(file, JSON.stringify({ authType: 'none', endpoints: { network: 'http://10.0.0.5:9696' } }))
  const { code, lines } = await check(file)
  expect(code).toBe(EXIT.ok)
  expect(lines.join('\n')).toMatch(
    /openstackFile +"\/.*flag\n(.*\n)+openstack\.endpoints +\{"network":"http:\/\/10\.0\.0\.5:9696"\}/,
  )
})

async function check(file: string): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = []
  const say = (line: string) => void lines.push(line)
  const terminal = {
    out: say,
    error: say,
    environment: {},
    stdin: async () => '',
    stopped: new Promise<void>(() => {}),
  }
  return { code: await runCommandLine(['check', '--openstack-file', file], terminal), lines }
}
