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

const wiring = {
  ...fakeDriver,
  interfaces: { ...fakeDriver.interfaces, network: ['wiring'], storage: ['keeping'] },
  wires: ['wiring'],
  storages: { keeping: { boots: true, attaches: true } },
}
const given = (result: Awaited<ReturnType<HubBench['command']>>) => {
  expect(result).toMatchObject({ ok: true })
  return (result as { value: { uuid: string } }).value.uuid
}

test('what a conductor tells of cables, volumes and properties is kept as long as the grant fits into a frame with it, so that whoever is next gets the node', async () => {
  const a = await bench.connect('a', [wiring])
  const node = await bench.newNode({ properties: big(54) })
  const port = given(await bench.command('row.create', { table: 'port', row: { node, address: '52:54:00:00:00:01' } }))
  const target = { node, volume_type: 'iscsi', volume_id: 'v1', boot_index: 0 }
  const volume = given(await bench.command('row.create', { table: 'volume_target', row: target }))
  const vifs = Object.fromEntries(
    Array.from({ length: 26 }, (_, i) => [`${String.fromCharCode(97 + i)}_vif_port_id`, 'v'.repeat(255)]),
  )
  const tell = (facts: Record<string, unknown>) => bench.say(a, { type: 'facts', nodes: { [node]: facts } })
  await tell({ power_state: 'power on', vifs: { [port]: { small_vif_port_id: 'v1' } } })
  await tell({ volume_targets: { [volume]: { target_iqn: 'iqn.small' } } })
  await tell({ vifs: { [port]: vifs } })
  await tell({ volume_targets: { [volume]: { target_iqn: 'x'.repeat(9000) } } })
  await tell({ properties: { found: 'y'.repeat(9000) }, driver_internal_info: { heard: true } })
  const [known] = await bench.sql.all("SELECT properties ->> '$.found', driver_internal_info ->> '$.heard' FROM nodes")
  expect(known).toEqual([null, 1])
  const left = await bench.sql.all("SELECT body ->> '$.facts' FROM events WHERE type = 'node.facts_left' ORDER BY id")
  expect(left).toEqual([['vifs'], ['volume_targets'], ['properties']])
  bench.hub = bench.anotherHub()
  expect((await bench.connect('a', [wiring])).grant(node)).toMatchObject({
    ports: [{ wiring: { vifs: { small_vif_port_id: 'v1' } } }],
    volumes: { targets: [{ properties: { target_iqn: 'iqn.small' } }] },
  })
})

test('a VIF with which the grant would not fit into a frame is refused before anybody is asked', async () => {
  const a = await bench.connect('a', [wiring])
  const node = await bench.newNode({ properties: big(58) })
  for (let i = 0; i < 7; i++)
    given(await bench.command('row.create', { table: 'port', row: { node, address: `52:54:00:00:00:0${i}` } }))
  bench.answerCalls(a, () => null)
  const codes: string[] = []
  for (let i = 0; i < 7; i++) {
    const done = await bench.command('vif.attach', { node, vif: `${i}`.repeat(255) })
    codes.push(done.ok ? 'ok' : done.fault.code)
  }
  expect([codes[0], codes.at(-1)]).toEqual(['ok', 'request.too_large'])
  expect(a.of('call')).toHaveLength(codes.filter((code) => code === 'ok').length)
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
