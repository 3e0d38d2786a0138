// Grants that would not fit into a frame: refused where they are made, withheld where they are there already, and nobody else suffers.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { MAX_FRAME_BYTES } from '../../shared/protocol.ts'
import { fakeDriver, HubBench, type TestPeer } from './testdata/hub-bench.ts'

let bench: HubBench
beforeEach(async () => void (bench = await HubBench.make()))
afterEach(() => bench.close())

const big = (kib: number) => ({ note: 'x'.repeat(kib * 1024) })
const patch = (node: string, path: string, value: unknown) =>
  bench.command('node.patch', { node, patch: [{ op: 'add', path, value }] })
const sizes = (peer: TestPeer) => peer.frames.map((frame) => Buffer.byteLength(JSON.stringify(frame)))
const withheld = async () => (await bench.sql.all('SELECT withheld FROM nodes ORDER BY id')).flat()
/** As from before there was a bound. */
const enlarge = (node: string, kib: number) =>
  bench.sql.batch([{ sql: 'UPDATE nodes SET properties = ? WHERE uuid = ?', args: [JSON.stringify(big(kib)), node] }])

test('a node whose grant would not fit into a frame is not made; what just fits is made and granted', async () => {
  const a = await bench.connect('a')
  const refused = await bench.command('node.create', { node: { driver: 'fake-hardware', properties: big(70) } })
  expect(refused).toMatchObject({ ok: false, fault: { code: 'request.too_large' } })
  expect(!refused.ok && refused.fault.message).toMatch(/properties/)
  // Bytes count, not characters.
  const wide = { driver: 'fake-hardware', properties: { note: 'ä'.repeat(35 * 1024) } }
  expect(await bench.command('node.create', { node: wide })).toMatchObject({ ok: false })
  const node = await bench.newNode({ properties: big(58) })
  expect(a.grant(node)).toBeDefined()
  expect(Math.max(...sizes(a))).toBeLessThan(MAX_FRAME_BYTES)
})

test('a change that makes a grant too large is refused, whether of the node or of its ports; others in the same turn are carried out', async () => {
  const a = await bench.connect('a')
  const [node, other] = [await bench.newNode({ properties: big(50) }), await bench.newNode()]
  const [first, second] = await Promise.all([patch(node, '/properties', big(61)), patch(other, '/properties', big(1))])
  expect([first, second]).toMatchObject([{ ok: false, fault: { code: 'request.too_large' } }, { ok: true }])
  const ports: boolean[] = []
  for (let i = 0; i < 120; i++) {
    const address = `52:54:00:00:00:${i.toString(16).padStart(2, '0')}`
    ports.push((await bench.command('row.create', { table: 'port', row: { node, address } })).ok)
  }
  expect([ports[0], ports.at(-1)]).toEqual([true, false])
  expect(Math.max(...sizes(a))).toBeLessThan(MAX_FRAME_BYTES)
  expect((await patch(node, '/description', 'has nothing to do with it')).ok).toBe(true)
})

test('a row that is too large already is withheld, and the others are served; smaller it is granted again', async () => {
  await bench.connect('a')
  const [large, small] = [await bench.newNode(), await bench.newNode()]
  await enlarge(large, 70)
  bench.hub = bench.anotherHub()
  const a = await bench.connect('a')
  expect([a.grant(large), a.grant(small)?.node, a.closed]).toEqual([undefined, small, null])
  expect(await withheld()).toEqual([expect.stringContaining('does not fit'), null])
  expect((await bench.node(large)).conductor).toBeNull()
  const events = await bench.sql.all("SELECT node FROM events WHERE type = 'node.withheld'")
  expect(events).toEqual([[large]])
  bench.hub = bench.anotherHub()
  const again = await bench.connect('a')
  expect([again.grant(large), again.grant(small)?.node]).toEqual([undefined, small])
  expect(
    await bench.command('node.patch', { node: large, patch: [{ op: 'add', path: '/extra', value: {} }] }),
  ).toMatchObject({ ok: true })
  expect((await patch(large, '/properties', {})).ok).toBe(true)
  expect([again.grant(large)?.node, await withheld()]).toEqual([large, [null, null]])
})

test('what a conductor itself finds out makes no grant too large for its site: it goes on with what it has', async () => {
  const a = await bench.connect('a')
  const [node, other] = [await bench.newNode({ properties: big(58) }), await bench.newNode()]
  await bench.say(a, { type: 'facts', nodes: { [node]: { properties: { found: 'y'.repeat(8 * 1024) } } } })
  await patch(other, '/properties', big(1))
  expect(a.grant(other)?.properties).toEqual(big(1))
  expect([a.grant(node)?.properties, (await bench.node(node)).conductor]).toEqual([big(58), 'a'])
  expect(Math.max(...sizes(a))).toBeLessThan(MAX_FRAME_BYTES)
})

const netboot = {
  ...fakeDriver,
  interfaces: { ...fakeDriver.interfaces, deploy: ['auto', 'netboot', 'fake'] },
  deployments: {
    auto: { core: [], chooses: ['netboot', 'fake'] },
    netboot: { core: ['boot_from_network'], takes: [{ has: ['kernel'] }] },
  },
}
const url = (kib: number) => `http://a/${'k'.repeat(kib * 1024)}`
const instance = { kernel: url(1.9), ramdisk: url(1.9), ramdisk_kernel_arguments: 'x'.repeat(1900) }

test('what an instance will boot has its place in the grant from when it is given', async () => {
  const a = await bench.connect('a', [netboot])
  const node = await bench.newNode({ properties: big(56) })
  expect(await patch(node, '/instance_info', instance)).toMatchObject({
    ok: false,
    fault: { code: 'request.too_large' },
  })
  expect((await patch(node, '/instance_info', { ...instance, kernel: null })).ok, 'an image, say').toBe(true)
  expect((await patch(node, '/properties', big(50))).ok).toBe(true)
  expect((await patch(node, '/instance_info', instance)).ok).toBe(true)
  expect((await patch(node, '/properties', big(56))).ok).toBe(false)
  expect(a.grant(node)?.properties).toEqual(big(50))
})

test('a deployment that would make the grant too large is refused before it begins', async () => {
  const a = await bench.connect('a', [netboot])
  const node = await bench.newNode({ properties: big(50), instance_info: instance, automated_clean: false })
  await bench.sql.batch([{ sql: "UPDATE nodes SET provision_state = 'available'", args: [] }])
  await bench.say(a, { type: 'facts', nodes: { [node]: { properties: { found: 'y'.repeat(7 * 1024) } } } })
  expect(a.grant(node)?.properties).toMatchObject({ found: expect.any(String) as string })
  for (const dryRun of [{ dryRun: true as const }, {}])
    expect(await bench.command('node.provision', { node, verb: 'active', args: {}, ...dryRun })).toMatchObject({
      ok: false,
      fault: { code: 'request.too_large' },
    })
  expect(await bench.node(node)).toMatchObject({ provision_state: 'available', task: null, conductor: 'a' })
  expect((await patch(node, '/properties', {})).ok).toBe(true)
  expect(await bench.command('node.provision', { node, verb: 'active', args: {} })).toMatchObject({ ok: true })
  expect(a.grant(node)?.instanceBoot).toEqual(instance)
})
