// The client against the simulated BMC on loopback, with and without faults. The BMC's log is the judge.
import { afterEach, expect, test } from 'vitest'
import { startBmc, type RunningBmc, type StartOptions } from '../../sim/bmc/start.ts'
import { controlChassis } from './commands/chassis-control.ts'
import { getChassisStatus } from './commands/chassis-status.ts'
import * as boot from './commands/boot-options.ts'
import { closeSessionById } from './commands/close-session.ts'
import { getDeviceId } from './commands/device-id.ts'
import { getSessionInfo } from './commands/session-info.ts'
import type { SessionOptions } from './options.ts'
import { openSession, type Session } from './session.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

/** Long enough that only a lost packet makes a request come again, except where a test wants silence. */
const patient = { timeoutMs: 2_000, retries: 2 }
const hasty = { timeoutMs: 20, retries: 2 }

async function bmcWith(options?: StartOptions): Promise<RunningBmc> {
  const bmc = await startBmc(options)
  cleanups.push(() => bmc.close())
  return bmc
}

async function login(bmc: { port: number }, options: Partial<SessionOptions> = {}): Promise<Session> {
  const credentials = { username: 'admin', password: 'secret', privilege: 'administrator' } as const
  const session = await openSession({ host: '127.0.0.1', port: bmc.port, ...credentials, ...patient, ...options })
  cleanups.push(() => session.close())
  return session
}

test.each([3, 17] as const)('switches a machine on and off with cipher suite %i', async (cipherSuite) => {
  const bmc = await bmcWith()
  const session = await login(bmc, { cipherSuite })
  expect(session.cipherSuite).toBe(cipherSuite)
  expect(await getChassisStatus(session)).toMatchObject({ power: 'off' })
  await controlChassis(session, 'on')
  expect(await getChassisStatus(session)).toMatchObject({ power: 'on' })
  for (const action of ['reset', 'diag', 'cycle', 'soft'] as const) await controlChassis(session, action)
  expect(bmc.log.of('Chassis Control').map(({ detail }) => detail)).toEqual(['on', 'reset', 'diag', 'cycle', 'soft'])
  expect(bmc.log.offToOn).toBe(2)
  await session.close()
  expect(bmc.activeSessions()).toBe(0)
})

test('takes suite 17 by itself, and 3 where the BMC refuses it', async () => {
  expect((await login(await bmcWith())).cipherSuite).toBe(17)
  expect((await login(await bmcWith({ suites: [3] }))).cipherSuite).toBe(3)
})

test('a suite that was asked for is not replaced by another', async () => {
  const bmc = await bmcWith({ suites: [3] })
  const refused = login(bmc, { cipherSuite: 17 })
  await expect(refused).rejects.toMatchObject({ kind: 'cipher', message: expect.stringContaining('no cipher suite') })
})

test('boot flags, with persistence and EFI, are read back', async () => {
  const session = await login(await bmcWith())
  expect(await boot.getBootFlags(session)).toEqual({ device: 'none', persistent: false, efi: false, valid: false })
  const flags = { device: 'pxe', persistent: true, efi: true } as const
  await boot.setBootFlags(session, flags)
  expect(await boot.getBootFlags(session)).toEqual({ ...flags, valid: true })
  await boot.setBootFlags(session, { device: 9, persistent: false, efi: true })
  expect(await boot.getBootFlags(session)).toMatchObject({ device: 9, persistent: false })
  expect(await boot.getBootFlagTimeoutDisabled(session)).toBe(false)
  await boot.setBootFlagTimeoutDisabled(session, true)
  expect(await boot.getBootFlagTimeoutDisabled(session)).toBe(true)
  await expect(boot.setBootFlags(session, { device: 16, persistent: false, efi: false })).rejects.toThrow(
    'boot device 16',
  )
})

test('names the device and the session', async () => {
  const session = await login(await bmcWith())
  expect(await getDeviceId(session)).toMatchObject({
    firmware: '1.05',
    ipmiVersion: '2.0',
    manufacturer: 343,
    product: 1,
  })
  expect(await getSessionInfo(session)).toMatchObject({ possible: 4, active: 1, session: { privilege: 4, channel: 1 } })
  expect(await getSessionInfo(session, 2)).toEqual({ handle: 0, possible: 4, active: 1 })
})

test.each([
  ['a wrong password', { password: 'wrong' }, 'wrong password for user "admin" at 127.0.0.1:'],
  ['an unknown user', { username: 'nobody' }, 'of user "nobody": it does not know the user name'],
])('%s is an authentication error that says so', async (_what, options, text) => {
  const bmc = await bmcWith()
  await expect(login(bmc, options)).rejects.toMatchObject({
    kind: 'authentication',
    message: expect.stringContaining(text),
  })
  expect(bmc.activeSessions()).toBe(0)
})

test('a BMC with a key of its own wants it', async () => {
  const kg = Buffer.from('0123456789abcdef0123')
  const bmc = await bmcWith({ kg })
  expect(await getChassisStatus(await login(bmc, { kg }))).toMatchObject({ power: 'off' })
  await expect(login(bmc)).rejects.toMatchObject({
    kind: 'authentication',
    message: expect.stringContaining('wrong Kg'),
  })
})

test('a user gets no higher level than is his', async () => {
  const bmc = await bmcWith()
  const viewer = { username: 'viewer', password: 'view' }
  await expect(login(bmc, { ...viewer, privilege: 'operator' })).rejects.toMatchObject({ kind: 'privilege' })
  const session = await login(bmc, { ...viewer, privilege: 'user' })
  expect(await getChassisStatus(session)).toMatchObject({ power: 'off' })
  await expect(controlChassis(session, 'on')).rejects.toMatchObject({ kind: 'privilege', completionCode: 0xd4 })
  expect(bmc.log.offToOn).toBe(0)
})

test('a session opened for reading cannot switch, whoever the user is', async () => {
  const session = await login(await bmcWith(), { privilege: 'user' })
  await expect(controlChassis(session, 'off')).rejects.toMatchObject({ kind: 'privilege' })
})

test('an administrator closes another session by its id, an operator may not', async () => {
  const bmc = await bmcWith()
  const stale = await login(bmc, { ...hasty })
  const operator = await login(bmc, { privilege: 'operator' })
  await expect(closeSessionById(operator, stale.id)).rejects.toMatchObject({ kind: 'privilege' })
  const successor = await login(bmc)
  expect(await closeSessionById(successor, stale.id)).toBe(true)
  expect(await closeSessionById(successor, stale.id)).toBe(false)
  await expect(controlChassis(stale, 'on')).rejects.toMatchObject({ kind: 'session-lost' })
  expect(stale.alive).toBe(false)
  expect(bmc.log.of('Chassis Control')).toEqual([])
})

test('a BMC without a free session is busy, and says so', async () => {
  const bmc = await bmcWith({ sessionLimit: 1 })
  const first = await login(bmc)
  await expect(login(bmc)).rejects.toMatchObject({ kind: 'busy', message: expect.stringContaining('no free session') })
  await first.close()
  expect((await login(bmc)).alive).toBe(true)
})

test('a failed login leaves no slot taken', async () => {
  const bmc = await bmcWith({ sessionLimit: 1 })
  for (let time = 0; time < 3; time++)
    await expect(login(bmc, { password: 'wrong' })).rejects.toMatchObject({ kind: 'authentication' })
})

test('nobody there is a timeout that names the place', async () => {
  const bmc = await startBmc()
  await bmc.close()
  const message = `no answer from 127.0.0.1:${bmc.port} to Get Channel Authentication Capabilities (asked 2 times)`
  await expect(login(bmc, { timeoutMs: 5, retries: 1 })).rejects.toMatchObject({ kind: 'timeout', message })
})

test('what IPMI cannot carry is refused before anything is sent', async () => {
  const bmc = await bmcWith()
  await expect(login(bmc, { password: 'x'.repeat(21) })).rejects.toMatchObject({ kind: 'argument' })
  await expect(login(bmc, { username: 'x'.repeat(17) })).rejects.toMatchObject({ kind: 'argument' })
  await expect(login(bmc, { cipherSuite: 0 as 3 })).rejects.toMatchObject({ kind: 'argument' })
  expect(bmc.log.entries).toEqual([])
})

test('"node busy" is asked again, mutations too, and done once', async () => {
  const bmc = await bmcWith()
  const session = await login(bmc, { busyPauseMs: 1 })
  bmc.firmware.busy = 3
  expect(await getChassisStatus(session)).toMatchObject({ power: 'off' })
  bmc.firmware.busy = 3
  await controlChassis(session, 'cycle')
  expect(bmc.log.of('Chassis Control')).toHaveLength(1)
  expect(session.stragglers).toBe(false)
  bmc.firmware.busy = 100
  await expect(getChassisStatus(session)).rejects.toMatchObject({ kind: 'busy', completionCode: 0xc0 })
})

test('a lost answer: reads and "on" come again, "cycle" never', async () => {
  const bmc = await bmcWith()
  const session = await login(bmc, hasty)
  bmc.firmware.loseAnswers = 1
  expect(await getChassisStatus(session)).toMatchObject({ power: 'off' })
  bmc.firmware.loseAnswers = 1
  await controlChassis(session, 'on')
  const [first, second] = bmc.log.of('Chassis Control')
  expect(first?.number).toBeDefined()
  expect(second?.number).toBe(first?.number)
  const [read, again] = bmc.log.of('Get Chassis Status')
  expect(again?.number).not.toBe(read?.number)
  expect(bmc.log.offToOn).toBe(1)
  expect(session.stragglers).toBe(true)
  bmc.firmware.loseAnswers = 1
  const unknown = { kind: 'session-lost', message: expect.stringContaining('whether it was done is unknown') }
  await expect(controlChassis(session, 'cycle')).rejects.toMatchObject(unknown)
  expect(bmc.log.of('Chassis Control').map(({ detail }) => detail)).toEqual(['on', 'on', 'cycle'])
})

test('a slow BMC is not taken for a dead one', async () => {
  const bmc = await bmcWith({ network: { delayMs: 20 } })
  const session = await login(bmc, { timeoutMs: 25, retries: 3 })
  await controlChassis(session, 'on')
  await controlChassis(session, 'cycle')
  expect(await getChassisStatus(session)).toMatchObject({ power: 'on' })
  expect(bmc.log.of('Chassis Control').filter(({ detail }) => detail === 'cycle')).toHaveLength(1)
})

test('`before` is asked for every packet and can refuse each', async () => {
  const bmc = await bmcWith()
  const session = await login(bmc, hasty)
  bmc.firmware.loseAnswers = 1
  let calls = 0
  await controlChassis(session, 'on', { before: () => void calls++ })
  expect(calls).toBe(2)
  const lapsed = new Error('the lease has lapsed')
  const refuse = () => {
    throw lapsed
  }
  await expect(controlChassis(session, 'off', { before: refuse })).rejects.toBe(lapsed)
  expect(bmc.log.of('Chassis Control').map(({ detail }) => detail)).toEqual(['on', 'on'])
  // The lease may lapse between a packet and its repetition.
  bmc.firmware.loseAnswers = 9
  const once = () => void (++calls > 3 && refuse())
  await expect(controlChassis(session, 'off', { before: once })).rejects.toBe(lapsed)
  expect(bmc.log.of('Chassis Control').map(({ detail }) => detail)).toEqual(['on', 'on', 'off'])
  expect(session.stragglers).toBe(true)
})

test('a signal ends waiting requests and running ones, and the session goes on', async () => {
  const bmc = await bmcWith({ network: { delayMs: 5 } })
  const session = await login(bmc)
  const [running, waiting] = [new AbortController(), new AbortController()]
  const first = controlChassis(session, 'on', { signal: running.signal })
  const second = getChassisStatus(session, { signal: waiting.signal })
  const third = getChassisStatus(session)
  waiting.abort()
  await expect(second).rejects.toMatchObject({ kind: 'aborted' })
  running.abort()
  await expect(first).rejects.toMatchObject({ kind: 'aborted' })
  expect(await third).toMatchObject({ power: 'on' })
  expect(session.stragglers).toBe(true)
  await expect(getChassisStatus(session, { signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: 'aborted' })
})

test('a handshake can be aborted', async () => {
  const bmc = await bmcWith({ network: { silent: true } })
  const stop = new AbortController()
  const opening = login(bmc, { signal: stop.signal })
  setImmediate(() => stop.abort())
  await expect(opening).rejects.toMatchObject({ kind: 'aborted' })
})

test('`before` may abort its own request: nothing is sent', async () => {
  const bmc = await bmcWith()
  const session = await login(bmc)
  const stop = new AbortController()
  const request = controlChassis(session, 'on', { signal: stop.signal, before: () => stop.abort() })
  await expect(request).rejects.toMatchObject({ kind: 'aborted' })
  expect(await getChassisStatus(session)).toMatchObject({ power: 'off' })
})

test('a BMC that forgot the session is told from one that refuses', async () => {
  const bmc = await bmcWith()
  const session = await login(bmc, hasty)
  bmc.forgetSessions()
  await expect(getChassisStatus(session)).rejects.toMatchObject({ kind: 'session-lost' })
  await expect(getChassisStatus(session)).rejects.toMatchObject({ kind: 'session-lost' })
})
