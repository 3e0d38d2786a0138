// Is the console of a node on? What may not change meanwhile, and that it can always be switched off.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fakeDriver, HubBench, type TestPeer } from './testdata/hub-bench.ts'

const driver = { ...fakeDriver, interfaces: { ...fakeDriver.interfaces, console: ['fake', 'no-console'] } }
const DARK = 'dark-hardware'

let bench: HubBench
let peer: TestPeer
beforeEach(async () => {
  bench = await HubBench.make()
  peer = await bench.connect('a', [driver, { ...fakeDriver, name: DARK }])
})
afterEach(() => bench.close())

const create = (more: object) => bench.command('node.create', { node: { driver: driver.name, ...more } })
const isOn = async (node: string) =>
  (await bench.sql.all('SELECT console_enabled FROM nodes WHERE uuid = ?', [node]))[0]![0] === 1
const off = (node: string) =>
  bench.command('node.step', { node, task: 'settings', interface: 'console', step: 'stop_console', args: {} })
const granted = (node: string) =>
  peer
    .of('grants')
    .flatMap((frame) => frame.add)
    .findLast((grant) => grant.node === node)!.consoleEnabled

test.each([
  ['whose driver knows none', { driver: DARK }],
  ['that shall have none', { console_interface: 'no-console' }],
])('a node %s does not come with its console on', async (_what, more) => {
  const refused = await create({ ...more, console_enabled: true })
  expect(refused).toMatchObject({ ok: false, fault: { code: 'driver.unsupported' } })
  expect(await create({ ...more, console_enabled: false })).toMatchObject({ ok: true })
})

test.each([
  ['its console interface', { op: 'replace', path: '/console_interface', value: 'no-console' }],
  ['its driver', { op: 'replace', path: '/driver', value: DARK }],
] as const)('while its console is on, a node does not change %s', async (_what, operation) => {
  const node = await bench.newNode({ console_enabled: true })
  const change = () => bench.command('node.patch', { node, patch: [operation], resetInterfaces: true })
  expect(await change()).toMatchObject({ ok: false, fault: { code: 'conflict' } })
  await bench.sql.batch([{ sql: 'UPDATE nodes SET console_enabled = 0', args: [] }])
  bench.hub = bench.anotherHub()
  await bench.connect('a', [driver, { ...fakeDriver, name: DARK }])
  expect(await change()).toMatchObject({ ok: true })
})

test('a console that is on where there is none any more is switched off without a task', async () => {
  const node = await bench.newNode({ console_enabled: true })
  expect(granted(node)).toBe(true)
  await bench.sql.batch([
    { sql: `UPDATE nodes SET interfaces = json_set(interfaces, '$.console', 'no-console')`, args: [] },
  ])
  expect(await off(node)).toMatchObject({ ok: true, value: { task: null } })
  expect([await isOn(node), granted(node), peer.of('task')]).toEqual([false, undefined, []])
})

test('a conductor is told that the console of a node is on, and that it is off', async () => {
  const node = await bench.newNode()
  for (const enabled of [true, false]) {
    const step = enabled ? 'start_console' : 'stop_console'
    await bench.command('node.step', { node, task: 'settings', interface: 'console', step, args: {} })
    const { id, epoch } = peer.last('task')
    const about = { id, epoch }
    const said = { at: bench.now, step: 0 }
    await bench.say(peer, { type: 'accepted', ...about })
    await bench.say(peer, { type: 'intent', ...about, step: 0, rid: 0 })
    const events = [
      { n: 1, ...said, kind: 'started' as const },
      { n: 2, ...said, kind: 'finished' as const, facts: { console_enabled: enabled } },
    ]
    await bench.say(peer, { type: 'event', ...about, events })
    await bench.say(peer, { type: 'result', ...about, outcome: { ok: true } })
    expect([await isOn(node), granted(node)]).toEqual([enabled, enabled ? true : undefined])
  }
})
