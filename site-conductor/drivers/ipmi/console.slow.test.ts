// The console from a TCP client to the machine's serial line, through a whole conductor: started and stopped by tasks, for one client at a time,
// gone with its node, and there again where the node comes with it.
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type RunningBmc, startBmc } from '../../../sim/bmc/start.ts'
import { fakeGrant, type FakeHub, fakeStep } from '../../testing/fake-hub.ts'
import { type FakeSite, fakeSite } from '../../testing/fake-site.ts'
import { activateSol } from '../../ipmi/commands/payload.ts'
import { openSession } from '../../ipmi/session.ts'

let site: FakeSite
let hub: FakeHub
let bmc: RunningBmc
let count = 0
const clients: Socket[] = []

beforeEach(async () => {
  bmc = await startBmc({ sessionIdleMs: 2_500, sessionLimit: 8 })
  site = await fakeSite({ drivers: ['ipmi'], consolePorts: '21000-21999', powerPollS: 3_600 })
  ;({ hub } = site)
})
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await site.close()
  await bmc.close()
})

const login = () => ({
  ipmi_address: bmc.address,
  ipmi_port: bmc.port,
  ipmi_username: 'admin',
  ipmi_password: 'secret',
})
const grant = (info = {}, more = {}) =>
  hub.grants.set('n', fakeGrant('n', { driver: 'ipmi', driverInfo: { ...login(), ...info }, ...more }))

/** Lets a task of one step be done; its outcome. */
async function task(step: string) {
  const id = `t${++count}`
  hub.give({ id, node: 'n', kind: 'settings', steps: [fakeStep(`console.${step}`)] })
  return (await hub.next('result', (frame) => frame.id === id)).outcome
}

async function call(method: string) {
  const rid = ++count
  const { epoch } = hub.grants.get('n')!
  hub.send({ type: 'call', rid, node: 'n', epoch, interface: 'console', method, args: {}, timeoutMs: 5_000 })
  return await hub.next('answer', (frame) => frame.rid === rid)
}

async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await check())) await sleep(5)
}

interface Client {
  readonly socket: Socket
  readonly seen: () => string
  readonly ended: Promise<unknown>
}

async function client(url?: string): Promise<Client> {
  const told = url ?? ((await call('get_console')).result as { url: string }).url
  const { hostname, port } = new URL(told)
  const socket = connect(Number(port), hostname)
  clients.push(socket)
  let seen = ''
  socket.on('data', (data) => void (seen += data.toString()))
  socket.on('error', () => {})
  const ended = new Promise((resolve) => socket.once('close', resolve))
  await once(socket, 'connect')
  return { socket, seen: () => seen, ended }
}

async function started(info = {}): Promise<void> {
  grant(info)
  await site.start()
  await hub.next('hello')
  expect(await task('start_console')).toEqual({ ok: true })
}

test('a client types into the machine and reads what it says; the next one has its turn afterwards', async () => {
  await started()
  const facts = hub.all('event').flatMap(({ events }) => events.flatMap((event) => (event.facts ? [event.facts] : [])))
  expect(facts).toContainEqual({ console_enabled: true })
  expect(await call('get_console')).toMatchObject({
    result: { type: 'socat', url: expect.stringMatching(/^tcp:\/\/127\.0\.0\.1:21\d{3}$/) },
  })
  const first = await client()
  first.socket.write('root\r')
  await until(() => bmc.serial.typed === 'root\r')
  bmc.serial.say('Password: ')
  await until(() => first.seen() === 'Password: ')

  const second = await client()
  await second.ended
  expect(second.seen()).toContain('[the console is in use]')
  first.socket.write('~Bsecret\r~.')
  await first.ended
  await until(() => !bmc.serial.isActive)
  expect(bmc.serial.typed).toBe('root\rBREAKsecret\r')

  const third = await client()
  third.socket.write('again')
  await until(() => bmc.serial.typed.endsWith('again'))
  expect(bmc.serial.activations).toBe(2)
})

test('a console that is stopped ends its client and is not to be had any more', async () => {
  await started()
  const { result } = (await call('get_console')) as { result: { url: string } }
  const one = await client()
  await until(() => bmc.serial.isActive)
  expect(await task('stop_console')).toEqual({ ok: true })
  await one.ended
  expect(bmc.serial.isActive).toBe(false)
  expect((await call('get_console')).result).toBeNull()
  await expect(client(result.url)).rejects.toThrow()
})

test('with the node the console goes, before the node is given back', async () => {
  await started()
  const { result } = (await call('get_console')) as { result: { url: string } }
  const one = await client()
  await until(() => bmc.serial.isActive)
  const { epoch } = hub.grants.get('n')!
  hub.send({ type: 'grants', session: hub.session, ringVersion: 2, add: [], drop: ['n'], last: true })
  await hub.next('released', (frame) => frame.node === 'n' && frame.epoch === epoch)
  expect(bmc.serial.isActive).toBe(false)
  await one.ended
  await expect(client(result.url)).rejects.toThrow()
})

test('a node that comes with its console enabled has it started again, on the port that it wants', async () => {
  const free = createServer().listen(0, '127.0.0.1')
  await once(free, 'listening')
  const { port } = free.address() as AddressInfo
  await new Promise((resolve) => free.close(resolve))
  grant({ ipmi_terminal_port: String(port) }, { consoleEnabled: true })
  await site.start()
  await hub.next('hello')
  await until(async () => (await call('get_console')).result !== null)
  const one = await client(`tcp://127.0.0.1:${port}`)
  one.socket.write('here')
  await until(() => bmc.serial.typed === 'here')
  expect(await task('stop_console')).toEqual({ ok: true })
  // What else is granted does not bring it back.
  hub.send({ type: 'grants', session: hub.session, ringVersion: 2, add: [], drop: [], last: true })
  expect((await call('get_console')).result).toBeNull()
})

test('what somebody else has left at the BMC is ended first', async () => {
  const place = { host: bmc.address, port: bmc.port, username: 'admin', password: 'secret' }
  const stale = await openSession({ ...place, privilege: 'administrator', timeoutMs: 50, retries: 0 })
  await activateSol(stale)
  await started()
  expect(bmc.serial.isActive).toBe(false)
  await activateSol(stale)
  const one = await client()
  one.socket.write('mine')
  await until(() => bmc.serial.typed === 'mine')
  await stale.close()
})

test('a client is told why its console ends', async () => {
  await started()
  const one = await client()
  await until(() => bmc.serial.isActive)
  bmc.serial.drop()
  await one.ended
  expect(one.seen()).toContain('the BMC has ended the console')
  bmc.serial.faults.enabled = false
  const two = await client()
  await two.ended
  expect(two.seen()).toContain('switched off at the BMC')
})

test('a console in which nobody types or says anything is kept alive at the BMC', async () => {
  await started()
  const one = await client()
  await until(() => bmc.serial.isActive)
  const asked = () => bmc.log.of('Get Device ID').length
  const before = asked()
  // Longer than the BMC keeps a session that is silent.
  await until(() => asked() >= before + 4)
  one.socket.write('still here')
  await until(() => bmc.serial.typed === 'still here')
})

test.each([
  ['a port that is taken', 'conflict', /TCP port \d+ at 127.0.0.1, which is taken/],
  ['a machine behind a bridge', 'driver.unsupported', /behind an IPMI bridge/],
  ['a BMC that does not let us in', 'bmc.authentication', /wrong password/],
])('%s fails the start', async (what, code, message) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  const info = {
    conflict: { ipmi_terminal_port: port },
    'driver.unsupported': { ipmi_bridging: 'single', ipmi_target_channel: 0, ipmi_target_address: 0x82 },
    'bmc.authentication': { ipmi_password: 'wrong' },
  }[code]
  grant(info)
  await site.start()
  await hub.next('hello')
  expect(await task('start_console'), what).toMatchObject({
    ok: false,
    fault: { code, message: expect.stringMatching(message) },
  })
  taken.close()
})
