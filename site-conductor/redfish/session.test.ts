// Logging in: what a BMC may answer to it, and that credentials go nowhere else.
import { expect, test } from 'vitest'
import { login, type Session } from './session.ts'
import type { Bmc } from './session.ts'
import { type Asked, type Said, type ScriptedBmc, scriptedBmc } from './testdata/scripted-bmc.ts'
import { openWire } from './wire.ts'

const SESSIONS = '/redfish/v1/SessionService/Sessions'
const ROOT = {
  Systems: { '@odata.id': '/redfish/v1/Systems' },
  SessionService: { '@odata.id': '/redfish/v1/SessionService' },
  Links: { Sessions: { '@odata.id': SESSIONS } },
}
const opened: Said = { status: 201, headers: { 'x-auth-token': 'tok', location: `${SESSIONS}/7` } }

function rooted(atLogin: Said, root: unknown = ROOT) {
  return ({ method, path }: Asked): Said => {
    if (path === '/redfish/v1/') return { json: root }
    return method === 'POST' ? atLogin : { json: {} }
  }
}

async function loggedIn(scripted: ScriptedBmc, more: Partial<Bmc> = {}): Promise<Session> {
  const wire = openWire(scripted.bmc.endpoint, true)
  try {
    const session = await login(wire, { ...scripted.bmc, ...more }, {})
    await session.checkAlive({})
    return session
  } finally {
    wire.close()
  }
}

test('a session: its token is shown, the password once', async () => {
  await using bmc = await scriptedBmc(rooted(opened))
  const session = await loggedIn(bmc)
  expect(session.resource).toEqual({ id: '7', path: `${SESSIONS}/7` })
  const [root, post, ...later] = bmc.asked
  expect(root!.headers).not.toHaveProperty('authorization')
  expect(post).toMatchObject({ method: 'POST', path: SESSIONS, body: { UserName: 'admin', Password: 'secret' } })
  expect(later.at(-1)).toMatchObject({ path: '/redfish/v1/Systems', headers: { 'x-auth-token': 'tok' } })
  for (const { headers } of later) expect(headers).not.toHaveProperty('authorization')
})

test('a location with scheme and address of the BMC names the session, too', async () => {
  await using bmc = await scriptedBmc((asked) =>
    rooted({ ...opened, headers: { ...opened.headers, location: `http://${asked.headers.host}${SESSIONS}/7/` } })(
      asked,
    ),
  )
  expect((await loggedIn(bmc)).resource).toEqual({ id: '7', path: `${SESSIONS}/7` })
})

const noSessions: [string, Said, unknown?][] = [
  ['has no session service', { status: 404 }, { Systems: ROOT.Systems }],
  ['does not allow it', { status: 405 }],
  [
    'has none left',
    { status: 400, json: { error: { '@Message.ExtendedInfo': [{ MessageId: 'Base.1.5.SessionLimitExceeded' }] } } },
  ],
  ['forgets the token', { status: 201, headers: { location: `${SESSIONS}/7` } }],
  ['does not say which it is', { status: 201, headers: { 'x-auth-token': 'tok' } }],
  [
    'names one outside of the sessions',
    { status: 201, headers: { 'x-auth-token': 'tok', location: '/redfish/v1/Systems/1' } },
  ],
  [
    'names one at another address',
    { status: 201, headers: { 'x-auth-token': 'tok', location: 'http://192.0.2.1/s/1' } },
  ],
  ['sends elsewhere', { status: 307, headers: { location: 'http://192.0.2.1/' } }],
]

test.each(noSessions)('where the BMC %s, auto is basic authentication, and session fails', async (_, said, root) => {
  await using bmc = await scriptedBmc(rooted(said, root ?? ROOT))
  const session = await loggedIn(bmc)
  expect(session.resource).toBeUndefined()
  expect(bmc.asked.at(-1)!.headers.authorization).toBe(`Basic ${btoa('admin:secret')}`)
  await expect(loggedIn(bmc, { auth: 'session' })).rejects.toMatchObject({
    kind: expect.stringMatching(/missing|busy|protocol/),
  })
})

test('a wrong password is tried once: another failure might lock the user out', async () => {
  await using bmc = await scriptedBmc(rooted({ status: 401 }))
  await expect(loggedIn(bmc)).rejects.toMatchObject({ kind: 'authentication' })
  expect(bmc.asked.filter(({ headers, method }) => method === 'POST' || headers.authorization)).toHaveLength(1)
})

test('basic: no session is opened', async () => {
  await using bmc = await scriptedBmc(rooted(opened))
  await loggedIn(bmc, { auth: 'basic' })
  expect(bmc.asked.map(({ method }) => method)).not.toContain('POST')
})

test('without a user nobody logs in', async () => {
  await using bmc = await scriptedBmc(rooted(opened))
  await loggedIn(bmc, { username: undefined })
  for (const { headers } of bmc.asked) expect(headers).not.toHaveProperty('authorization')
})

test.each([
  [401, 'session-lost'],
  [403, 'privilege'],
  [404, 'missing'],
  [302, 'protocol'],
  [500, 'refused'],
] as const)('in a session, %i is %s', async (status, kind) => {
  await using bmc = await scriptedBmc((asked) =>
    asked.path === '/redfish/v1/Systems' ? { status } : rooted(opened)(asked),
  )
  await expect(loggedIn(bmc)).rejects.toMatchObject({ kind })
})

test('what a BMC says about a refusal is one printable line, without an end of its own', async () => {
  const Message = `no\u001b[31m\r\nnext line ${'x'.repeat(5_000)}`
  const json = { error: { '@Message.ExtendedInfo': [{ MessageId: 'Base.1.8.GeneralError', Message }] } }
  await using bmc = await scriptedBmc((asked) =>
    asked.path === '/redfish/v1/Systems' ? { status: 400, json } : rooted(opened)(asked),
  )
  const error = (await loggedIn(bmc).catch((thrown: unknown) => thrown)) as Error
  expect(error).toMatchObject({ kind: 'refused', messageIds: ['GeneralError'] })
  expect(error.message).toMatch(/^[\x20-\x7e…]{1,400}$/)
})
