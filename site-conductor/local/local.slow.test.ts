// Break-glass through the command line: refused while there is a cloud to ask, on record, told once when the cloud is back.
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runCommandLine } from '../cli/cli.ts'
import type { RunningConductor } from '../conductor.ts'
import { folder } from '../disk.ts'
import { fakeMachine } from '../drivers/fake/machine.ts'
import { fakeGrant, type FakeHub } from '../testing/fake-hub.ts'
import { type FakeSite, fakeSite } from '../testing/fake-site.ts'
import { Journal } from '../tasks/journal.ts'

const SERIAL = 'CZJ0420RACK7'
let site: FakeSite
let hub: FakeHub
let node: string
let count = 0

beforeEach(async () => {
  site = await fakeSite()
  ;({ hub } = site)
  node = `local-${process.pid}-${++count}`
  hub.grants.set(
    node,
    fakeGrant(node, { interfaces: { console: 'no-console' }, name: 'rack7-u1', properties: { serial_number: SERIAL } }),
  )
  hub.behaviour = { leaseMs: 6000 }
})
afterEach(() => site.close())

async function cli(...argv: string[]) {
  const lines: string[] = []
  const terminal = {
    out: (text: string) => void lines.push(text),
    error: (text: string) => void lines.push(text),
    environment: { SUDO_USER: 'ada' },
    stdin: async () => `${SERIAL}\n`,
    stopped: new Promise<void>(() => {}),
  }
  const code = await runCommandLine(
    [...argv, '--data-dir', site.dataDir, '--drivers', 'fake-hardware', '--log-level', 'error'],
    terminal,
  )
  return { code, text: lines.join('\n') }
}
const power = (target: string, ...more: string[]) =>
  cli('local', 'power', 'rack7-u1', target, '--confirm', SERIAL, ...more)

async function granted(): Promise<RunningConductor> {
  const conductor = await site.start()
  await hub.next('renew')
  return conductor
}

/** Nobody answers any more, until `back`. Resolves when the lease is over. */
async function cut(conductor: RunningConductor): Promise<{ back(): void }> {
  const { behaviour } = hub
  hub.behaviour = { onMessage: () => true }
  hub.drop()
  await until(() => !conductor.isConnected())
  await until(async () => /lease +none/.test((await cli('status')).text))
  await new Promise((resolve) => setTimeout(resolve, 320))
  return {
    back() {
      hub.behaviour = behaviour
      hub.drop()
    },
  }
}

async function until(probe: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await probe())) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('while the cloud is there, or may be in a moment, nothing is done locally', async () => {
  hub.behaviour = { leaseMs: 600_000 }
  const conductor = await granted()
  expect(await power('on')).toMatchObject({ code: 1, text: expect.stringContaining('the cloud is connected') })
  expect((await cli('status')).text).toMatch(/link +up\nlease +\d+ s left/)
  hub.behaviour = { onMessage: () => true }
  hub.drop()
  await until(() => !conductor.isConnected())
  expect(await power('on')).toMatchObject({ code: 1, text: expect.stringContaining('not for longer than the lease') })
  expect(fakeMachine(node).changes).toEqual([])
})

test('during a cut a machine is switched by whoever names it as it is labelled, and the cloud hears of it once', async () => {
  const conductor = await granted()
  const line = await cut(conductor)
  expect((await cli('status')).text).toMatch(/link +down since \d{4}-/)
  const wrong = await cli('local', 'power', node, 'on', '--confirm', 'rack7-u1')
  expect(wrong).toMatchObject({
    code: 1,
    text: expect.stringMatching(/serial number of node rack7-u1 is not "rack7-u1"/),
  })
  expect(fakeMachine(node).changes).toEqual([])
  expect(wrong.text, 'the right one is not told').not.toContain(SERIAL)

  expect(await cli('local', 'power', 'rack7-u1', 'on', '--reason', 'smoke')).toMatchObject({
    code: 0,
    text: expect.stringContaining('power on'),
  })
  expect(fakeMachine(node).changes).toEqual(['power on'])
  expect((await cli('status')).text).toContain('1 actions that the cloud has not heard of')
  line.back()
  const { action } = await hub.next('local')
  expect(action).toMatchObject({
    node,
    action: 'power',
    target: 'on',
    by: 'ada',
    reason: 'smoke',
    fenced: false,
    outcome: { ok: true, value: 'power on' },
  })
  await until(async () => !(await cli('status')).text.includes('actions that the cloud'))
  const told = hub.all('local').length
  const hellos = hub.all('hello').length
  hub.drop()
  await hub.until(() => hub.all('hello').length > hellos)
  await hub.next('renew', (frame) => hub.frames.indexOf(frame) > hub.frames.lastIndexOf(hub.all('hello').at(-1)!))
  expect(hub.all('local')).toHaveLength(told)
}, 20_000)

test('an action that the cloud has not settled is told again by the next process', async () => {
  const conductor = await granted()
  await cut(conductor)
  await power('on')
  await conductor.close()
  hub.behaviour = {}
  await site.start()
  expect((await hub.next('local')).action).toMatchObject({ node, outcome: { ok: true } })
})

test('a machine that a task works on is not switched; the task can be ended, and its end is reported', async () => {
  hub.grants.set(node, { ...hub.grants.get(node)!, driverInfo: { fake_delay_ms: 600_000 } })
  hub.behaviour = {
    leaseMs: 6000,
    onMessage(message) {
      if (message.type === 'intent')
        hub.send({ type: 'proceed', id: message.id, rid: message.rid, tenureMs: 3_600_000 })
      return message.type === 'intent'
    },
  }
  const conductor = await granted()
  hub.give({
    id: 't1',
    since: 1,
    node,
    steps: [{ interface: 'deploy', step: 'write_image', args: {}, pointOfNoReturn: true, timeoutMs: 7_200_000 }],
  })
  await hub.next('event')
  const line = await cut(conductor)
  expect((await cli('status')).text).toMatch(/running +t1 deploy node .*, by tenure, \d+ s left/)
  expect(await power('off')).toMatchObject({ code: 1, text: expect.stringContaining('task t1 works on node rack7-u1') })
  expect(await cli('local', 'abort', 'rack7-u1', '--confirm', SERIAL)).toMatchObject({
    code: 0,
    text: expect.stringContaining('t1'),
  })
  line.back()
  expect(await hub.next('result')).toMatchObject({
    id: 't1',
    outcome: { ok: false, fault: { code: 'task.cancelled' } },
  })
  expect((await hub.next('local')).action).toMatchObject({ action: 'abort', outcome: { ok: true, value: ['t1'] } })
}, 20_000)

test('the BMC session in which somebody may have acted last is closed first, where it is known', async () => {
  fakeMachine(node).sessions.add('old')
  hub.behaviour = { leaseMs: 6000, onMessage: (message) => message.type === 'intent' }
  const conductor = await granted()
  hub.give({
    id: 't1',
    since: 1,
    node,
    bmcSession: 'old',
    steps: [{ interface: 'deploy', step: 'write_image', args: {} }],
  })
  await hub.next('intent')
  const line = await cut(conductor)
  const { text } = await power('on')
  expect(text).toContain('The BMC session of whoever drove it before is closed')
  expect([...fakeMachine(node).sessions], 'and neither is its own left').toEqual([])
  line.back()
  expect((await hub.next('local')).action).toMatchObject({ fenced: true, outcome: { ok: true } })
}, 20_000)

test('where the task opened sessions of its own since it was delivered, the last of them is the one to close', async () => {
  hub.grants.set(node, { ...hub.grants.get(node)!, driverInfo: { fake_delay_ms: 4_000 } })
  hub.behaviour = { leaseMs: 6000 }
  const conductor = await granted()
  hub.give({ id: 't1', since: 1, node, bmcSession: 'old', steps: [{ interface: 'power', step: 'power_on', args: {} }] })
  const { bmcSession } = await hub.next('intent')
  await hub.next('event')
  const line = await cut(conductor)
  // Its end did not reach the BMC.
  for (const session of ['old', bmcSession!]) fakeMachine(node).sessions.add(session)
  expect((await power('off')).text).toContain('The BMC session of whoever drove it before is closed')
  expect([...fakeMachine(node).sessions]).toEqual(['old'])
  line.back()
  expect((await hub.next('local')).action).toMatchObject({ fenced: true })
}, 20_000)

test('an action that has begun does not touch the machine any more once the cloud is back', async () => {
  hub.grants.set(node, { ...hub.grants.get(node)!, driverInfo: { fake_delay_ms: 40_000 } })
  const conductor = await granted()
  const line = await cut(conductor)
  const acting = power('on')
  await until(async () => (await cli('status')).text.includes('1 actions that the cloud'))
  hub.behaviour = { leaseMs: 600_000 }
  line.back()
  await until(() => conductor.isConnected())
  expect(await acting).toMatchObject({ code: 1, text: expect.stringContaining('the cloud is connected') })
  expect(fakeMachine(node).changes).toEqual([])
  expect((await hub.next('local')).action).toMatchObject({ outcome: { ok: false, fault: { code: 'fenced' } } })
}, 20_000)

test('an action that failed is on record with its fault', async () => {
  hub.grants.set(node, { ...hub.grants.get(node)!, driverInfo: { fake_fail: { 'power.power_on': 'bmc.unreachable' } } })
  const conductor = await granted()
  const line = await cut(conductor)
  expect(await power('on')).toMatchObject({ code: 1, text: expect.stringContaining('Next: ') })
  line.back()
  expect((await hub.next('local')).action).toMatchObject({ outcome: { ok: false, fault: { code: 'bmc.unreachable' } } })
})

test('without a daemon the command acts in its place, after the last lease and when the cloud does not answer', async () => {
  const conductor = await granted()
  await conductor.close()
  expect(await power('on')).toMatchObject({ code: 1, text: expect.stringContaining('the cloud answers at') })
  const roster = join(site.dataDir, 'roster.json')
  await writeFile(roster, (await readFile(roster, 'utf8')).replace('"leaseMs": 6000', '"leaseMs": 100'))
  await hub.close()
  const { code, text } = await power('on')
  expect({ code, text }).toMatchObject({ code: 0, text: expect.stringContaining('Waiting 3 s') })
  expect(fakeMachine(node).changes).toEqual(['power on'])
  const { locals } = await Journal.open(await folder(site.dataDir))
  expect([...locals.values()]).toMatchObject([{ node, target: 'on', outcome: { ok: true } }])
}, 20_000)

test('a console that the driver does not have is refused as such', async () => {
  const conductor = await granted()
  await cut(conductor)
  expect(await cli('local', 'console', 'rack7-u1')).toMatchObject({
    code: 1,
    text: expect.stringContaining('a console is not supported by driver fake-hardware'),
  })
})

test('the control socket is for its user only, and a killed process’s is taken over', async () => {
  const conductor = await granted()
  const path = join(site.dataDir, 'control.sock')
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  await conductor.close()
  const { createServer } = await import('node:net')
  const dead = createServer()
  await new Promise<void>((resolve) => dead.listen(path, resolve))
  dead.unref() // as a process that was killed leaves it: the file is there, whatever listens
  await site.start()
  expect((await cli('status')).text).toMatch(/link +/)
  dead.close()
})
