// A change of a wired node's networks is kept when its conductor has made it, and not before: whatever happens in between, rows say what is so.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FaultError } from '../../shared/faults.ts'
import { HubBench, type TestPeer } from './testdata/hub-bench.ts'
import { driver as anyDriver } from './testdata/one-node.ts'

const driver = { ...anyDriver, interfaces: { ...anyDriver.interfaces, network: ['noop', 'wiring'] }, wires: ['wiring'] }
const FIRST = '52:54:00:00:00:01'

let bench: HubBench
let peer: TestPeer
let node: string
let port: string

beforeEach(async () => {
  bench = await HubBench.make()
  peer = await bench.connect('a', [driver])
  node = await bench.newNode({ name: 'n1', network_interface: 'wiring' })
  port = await newPort(FIRST)
})
afterEach(() => bench.close())

async function newPort(address: string): Promise<string> {
  const made = await bench.command('row.create', { table: 'port', row: { node, address } })
  expect(made).toMatchObject({ ok: true })
  return (made as { value: { uuid: string } }).value.uuid
}
const attach = (vif = 'v1') => bench.command('vif.attach', { node, vif })
const detach = (vif = 'v1') => bench.command('vif.detach', { node, vif })
const move = (address: string, more: object = {}) =>
  bench.command('row.patch', {
    table: 'port',
    uuid: port,
    patch: [{ op: 'replace', path: '/address', value: address }],
    ...more,
  })
const row = async () =>
  (await bench.sql.all("SELECT address, internal_info ->> '$.tenant_vif_port_id' FROM ports WHERE uuid = ?", [port]))[0]
const calls = () => peer.of('call').map(({ method, args }) => [method, args])
const answer = async (outcome: object = { result: null }) =>
  bench.say(peer, { type: 'answer', rid: peer.last('call').rid, ...outcome })
const asked = async (count: number) => {
  await expect.poll(() => peer.of('call').length, { interval: 1 }).toBe(count)
}
const attached = async () => {
  const done = attach()
  await asked(1)
  await answer()
  expect(await done).toEqual({ ok: true, value: { table: 'port', uuid: port } })
}

test('a VIF is kept once it is plugged in, and forgotten once it is unplugged', async () => {
  const plugged = attach()
  await asked(1)
  expect(await row()).toEqual([FIRST, null])
  await answer()
  expect(await plugged).toMatchObject({ ok: true })
  expect(await row()).toEqual([FIRST, 'v1'])
  const unplugged = detach()
  await asked(2)
  expect(await row()).toEqual([FIRST, 'v1'])
  await answer()
  expect(await unplugged).toMatchObject({ ok: true })
  expect(await row()).toEqual([FIRST, null])
  expect(calls()).toEqual([
    ['vif_attach', { vif: 'v1', place: port, active: false }],
    ['vif_detach', { vif: 'v1' }],
  ])
})

test('meanwhile another change of the node’s networks is refused as locked, and afterwards it is not', async () => {
  await newPort('52:54:00:00:00:02')
  const first = attach()
  await asked(1)
  expect(await attach('v2')).toMatchObject({ ok: false, fault: { code: 'node.locked' } })
  await answer()
  expect(await first).toMatchObject({ ok: true })
  bench.answerCalls(peer, () => null)
  expect(await attach('v2')).toMatchObject({ ok: true })
})

const failures = {
  refuses: ['openstack.refused', () => answer({ fault: new FaultError('openstack.refused', 'no').fault })],
  'is cut off': ['site.no_conductor', () => bench.disconnect(peer)],
  'does not answer': ['timeout', async () => bench.fireTimers()],
} as const
test.for(Object.keys(failures) as (keyof typeof failures)[])(
  'where its conductor %s nothing is kept, the client hears that, and the node is not locked',
  async (what) => {
    const [code, fail] = failures[what]
    const failed = { ok: false, fault: { code } }
    const plugged = attach()
    await asked(1)
    await fail()
    expect(await plugged).toMatchObject(failed)
    expect(await row()).toEqual([FIRST, null])
    peer = await bench.connect('a', [driver])
    bench.answerCalls(peer, () => null)
    expect(await attach()).toMatchObject({ ok: true })

    peer.heard = () => undefined
    const moved = move('52:54:00:00:00:09')
    await asked(2)
    await fail()
    expect(await moved).toMatchObject(failed)
    expect(await row()).toEqual([FIRST, 'v1'])
    peer = await bench.connect('a', [driver])
    const unplugged = detach()
    await asked(1)
    await fail()
    expect(await unplugged).toMatchObject(failed)
    expect(await row()).toEqual([FIRST, 'v1'])
  },
)

test('meanwhile no verb begins, which would change the networks as well, and the node is not deleted', async () => {
  const plugged = attach()
  await asked(1)
  const locked = { ok: false, fault: { code: 'node.locked' } }
  const verb = () => bench.command('node.provision', { node, verb: 'manage', args: {} })
  expect(await verb()).toMatchObject(locked)
  expect(await bench.command('node.delete', { node })).toMatchObject(locked)
  await answer()
  expect(await plugged).toMatchObject({ ok: true })
  expect(await verb()).toMatchObject({ ok: true })
})

test('work on the node that begins meanwhile keeps nobody from keeping what was made', async () => {
  const plugged = attach()
  await asked(1)
  await bench.command('node.power', { node, target: 'power on' })
  await answer()
  expect(await plugged).toMatchObject({ ok: true })
  expect(await row()).toEqual([FIRST, 'v1'])
})

test('a VIF whose port has gone meanwhile is unplugged again', async () => {
  const plugged = attach()
  await asked(1)
  expect(await bench.command('row.delete', { table: 'port', uuid: port })).toMatchObject({ ok: true })
  await answer()
  await asked(2)
  expect(calls()[1]).toEqual(['vif_detach', { vif: 'v1' }])
  await answer({ fault: new FaultError('openstack.refused', 'the second').fault })
  expect(await plugged).toMatchObject({ ok: false, fault: { code: 'conflict' } })
})

test('an address that another port has got meanwhile is taken back', async () => {
  await attached()
  const moved = move('52:54:00:00:00:09')
  await asked(2)
  await newPort('52:54:00:00:00:09')
  await answer()
  await asked(3)
  expect(calls().slice(1)).toEqual([
    ['vif_changed', { vif: 'v1', address: '52:54:00:00:00:09' }],
    ['vif_changed', { vif: 'v1', address: FIRST }],
  ])
  await answer()
  expect(await moved).toMatchObject({ ok: false, fault: { code: 'conflict' } })
  expect(await row()).toEqual([FIRST, 'v1'])
})

test('nobody is asked for what is refused anyway: a stale If-Match, an address that another port has', async () => {
  await attached()
  await newPort('52:54:00:00:00:09')
  expect(await move('52:54:00:00:00:08', { ifMatch: ['older'] })).toMatchObject({ fault: { code: 'request.changed' } })
  expect(await move('52:54:00:00:00:09')).toMatchObject({ fault: { code: 'conflict' } })
  expect(calls()).toHaveLength(1)
})

test('a change of a turn whose fate is not known leaves the node unlocked', async () => {
  let isDown = false
  let hasFailed = false
  const down = () => {
    if (isDown) throw new Error('no database')
  }
  bench.hub = bench.anotherHub({
    async all(sql, args) {
      down()
      return bench.sql.all(sql, args)
    },
    async batch(statements) {
      if (!hasFailed) isDown = hasFailed = statements.some(({ sql }) => sql.startsWith('UPDATE nodes'))
      down()
      return bench.sql.batch(statements)
    },
  })
  let settled = false
  const failed = Promise.all([attach(), bench.command('node.maintenance', { node, on: true, reason: null })])
  void failed.then(() => (settled = true))
  while (!settled) {
    bench.fireTimers()
    await new Promise((done) => setImmediate(done))
  }
  expect(await failed).toMatchObject([{ fault: { code: 'unavailable' } }, { fault: { code: 'unavailable' } }])
  isDown = false
  peer = await bench.connect('a', [driver])
  bench.answerCalls(peer, () => null)
  expect(await attach()).toMatchObject({ ok: true })
})
