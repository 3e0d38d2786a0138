// Questions to machines that the hub relays, and what becomes of them when a connection ends.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HubBench, type TestPeer } from './testdata/hub-bench.ts'

let bench: HubBench
beforeEach(async () => void (bench = await HubBench.make()))
afterEach(() => bench.close())

test('the end of the old socket of a reconnect fails what was asked on it, and nothing that was asked on the new one', async () => {
  const old = await bench.connect('a')
  const node = await bench.newNode()
  const ask = () =>
    bench.command('call', { node, interface: 'power', method: 'get_power_state', args: {}, timeoutMs: 1000 })
  const lost = ask()
  await expect.poll(() => old.of('call').length).toBe(1)
  const present = await bench.connect('a')
  const call = ask()
  await expect.poll(() => present.of('call').length).toBe(1)
  await bench.disconnect(old)
  await bench.say(present, { type: 'answer', rid: present.last('call').rid, result: 'power on' })
  expect(await call).toEqual({ ok: true, value: 'power on' })
  expect(await lost).toMatchObject({ ok: false, fault: { code: 'site.no_conductor' } })
})

test('a call is relayed and answered; one that is lost with its conductor is a fault', async () => {
  const peer = await bench.connect('a')
  const node = await bench.newNode()
  const call = () =>
    bench.command('call', { node, interface: 'management', method: 'get_boot_device', args: {}, timeoutMs: 1000 })
  const answered = call()
  await expect.poll(() => peer.of('call').length).toBe(1)
  await bench.say(peer, { type: 'answer', rid: peer.last('call').rid, result: { boot_device: 'pxe' } })
  expect(await answered).toEqual({ ok: true, value: { boot_device: 'pxe' } })
  const lost = call()
  await expect.poll(() => peer.of('call').length).toBe(2)
  await bench.disconnect(peer)
  expect(await lost).toMatchObject({ ok: false, fault: { code: 'site.no_conductor' } })
})

test('a call that changes the machine is not made beside a task, and one that looks is', async () => {
  const peer = await bench.connect('a')
  const node = await bench.newNode()
  const call = (method: string, exclusive?: true) =>
    bench.command('call', { node, interface: 'management', method, args: {}, timeoutMs: 1000, ...(exclusive && { exclusive }) }) // prettier-ignore
  await bench.command('node.power', { node, target: 'power on' })
  expect(await call('inject_nmi', true)).toMatchObject({ ok: false, fault: { code: 'node.locked' } })
  const looked = call('get_boot_device')
  await expect.poll(() => peer.of('call').map(({ method }) => method)).toEqual(['get_boot_device'])
  await bench.say(peer, { type: 'answer', rid: peer.last('call').rid, result: null })
  expect(await looked).toMatchObject({ ok: true })
  await bench.work(peer)
  const changed = call('inject_nmi', true)
  await expect.poll(() => peer.of('call').length).toBe(2)
  await bench.say(peer, { type: 'answer', rid: peer.last('call').rid, result: null })
  expect(await changed).toMatchObject({ ok: true })
})

test('only the present session of the conductor that was asked answers', async () => {
  const peer = await bench.connect('a')
  const node = await bench.newNode()
  const asked = bench.command('call', { node, interface: 'power', method: 'get', args: {}, timeoutMs: 1000 })
  await expect.poll(() => peer.of('call').length).toBe(1)
  const { rid } = peer.last('call')
  await bench.say(await bench.open('a', 'run-before'), { type: 'answer', rid, result: 'forged' })
  await bench.say(await bench.connect('b'), { type: 'answer', rid, result: 'forged' })
  await bench.say(peer, { type: 'answer', rid, result: 'power on' })
  expect(await asked).toEqual({ ok: true, value: 'power on' })
})

test('no number of a call follows from another', async () => {
  const peer = await bench.connect('a')
  const node = await bench.newNode()
  const ask = () => bench.command('call', { node, interface: 'power', method: 'get', args: {}, timeoutMs: 1000 })
  const asked = [ask(), ask(), ask()]
  await expect.poll(() => peer.of('call').length).toBe(3)
  const [first, second, third] = peer.of('call').map(({ rid }) => rid) as [number, number, number]
  expect(second - first).not.toBe(third - second)
  await bench.disconnect(peer)
  await Promise.all(asked)
})

test('a call that is asked again because another input of its turn failed leaves nothing to wait for', async () => {
  const peer = await bench.connect('a')
  const node = await bench.newNode()
  let fails = true
  bench.hub = bench.anotherHub({
    all: (sql, args) => bench.sql.all(sql, args),
    async batch(statements) {
      if (!fails || statements.length === 1) return bench.sql.batch(statements)
      fails = false
      throw new Error('nothing stored')
    },
  })
  const ask = () => bench.command('call', { node, interface: 'power', method: 'get', args: {}, timeoutMs: 1000 })
  const before = bench.timers
  const asked = [ask(), bench.command('node.maintenance', { node, on: true, reason: null })]
  await expect.poll(() => peer.of('call').length).toBe(1)
  expect(bench.timers - before).toBe(1)
  await bench.say(peer, { type: 'answer', rid: peer.last('call').rid, result: 'power on' })
  expect(await asked[0]).toEqual({ ok: true, value: 'power on' })
})

const asking = async (peer: TestPeer, node: string) => {
  const before = peer.of('call').length
  const asked = bench.command('call', { node, interface: 'power', method: 'get', args: {}, timeoutMs: 30_000 })
  await expect.poll(() => peer.of('call').length, { interval: 1 }).toBe(before + 1)
  return { asked, rid: peer.last('call').rid }
}

test('a node that goes to another conductor meanwhile is not told of by the one that had it', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  await bench.connect('b')
  const { asked, rid } = await asking(a, node)
  await bench.command('conductor.drain', { conductor: 'a', on: true })
  const { epoch } = a.grant(node) ?? a.of('grants')[1]!.add[0]!
  await bench.say(a, { type: 'released', node, epoch })
  expect((await bench.node(node)).conductor).toBe('b')
  await bench.say(a, { type: 'answer', rid, result: 'of yesterday' })
  expect(await asked).toMatchObject({ ok: false, fault: { code: 'fenced' } })
})

test('a call to a conductor whose lease lapses ends with that, though its socket has not', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  const { asked } = await asking(a, node)
  await bench.pass(60_000)
  expect(await asked).toMatchObject({ ok: false, fault: { code: 'site.no_conductor' } })
})

test('a call about a node that is deleted meanwhile ends with that', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  const { asked } = await asking(a, node)
  expect(await bench.command('node.delete', { node })).toMatchObject({ ok: true })
  expect(await asked).toMatchObject({ ok: false, fault: { code: 'not_found' } })
})

test('a call of the turn in which its socket ends does not wait for an answer', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  const asked = bench.command('call', { node, interface: 'power', method: 'get', args: {}, timeoutMs: 30_000 })
  await bench.disconnect(a)
  expect(await asked).toMatchObject({ ok: false, fault: { code: 'site.no_conductor' } })
})

test('a hub that is closed keeps nobody waiting', async () => {
  const a = await bench.connect('a')
  const node = await bench.newNode()
  const { asked } = await asking(a, node)
  await bench.hub.close()
  expect(await asked).toMatchObject({ ok: false, fault: { code: 'unavailable' } })
})
