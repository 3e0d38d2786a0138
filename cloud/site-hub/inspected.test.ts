// Inspection rules at the hub: what they do becomes the node's, and a rule may fail the inspection.
import { setImmediate } from 'node:timers/promises'
import { beforeEach, expect, test, vi } from 'vitest'
import { insert, isoTime } from '../schema/rows.ts'
import { inspectionRules } from '../schema/organisation-resources.ts'
import { OneNode } from './testdata/one-node.ts'

const one = new OneNode()
const { row, put, state, verb } = one
beforeEach(() => put('manageable'))

const rules = (...all: { priority?: number; conditions?: object[]; actions: object[] }[]) =>
  one.bench.sql.batch(
    all.map((rule, i) => insert(inspectionRules, { uuid: `rule-${i}`, created_at: isoTime(0), ...rule })),
  )
const inventory = { cpu: { count: 8 }, bmc_address: '10.1.2.3' }
/** Inspects the node, which has these facts; `hear` lets the hub hear of them. */
const inspect = async (
  facts: Record<string, unknown> = { inventory, plugin_data: {}, properties: { cpus: 8 } },
  hear: (say: () => Promise<unknown>) => Promise<unknown> = (say) => say(),
) => {
  await verb('inspect')
  const { id, epoch } = one.peer.last('task')
  const about = { id, epoch }
  await one.bench.say(one.peer, { type: 'accepted', ...about })
  await one.bench.say(one.peer, { type: 'intent', ...about, step: 0, rid: 0 })
  const said = { at: one.bench.now, step: 0 }
  const events = [
    { n: 1, ...said, kind: 'started' as const },
    { n: 2, ...said, kind: 'finished' as const, facts },
  ]
  await hear(() => one.bench.say(one.peer, { type: 'event', ...about, events }))
  await one.bench.say(one.peer, { type: 'result', ...about, outcome: { ok: true } })
}
const shown = async (...columns: string[]) =>
  Object.values(await row(...columns)).map((text) => JSON.parse(String(text)) as unknown)
const traits = () => one.bench.sql.all('SELECT trait FROM node_traits ORDER BY trait')

test('what rules do is the node’s afterwards, on top of what the inspection found', async () => {
  const created = await one.bench.command('row.create', {
    table: 'port',
    row: { node: one.node, address: '52:54:00:00:00:01' },
  } as never)
  expect(created.ok).toBe(true)
  await rules(
    {
      priority: 10,
      conditions: [{ op: 'gt', args: { values: ['{inventory[cpu][count]}', 4] } }],
      actions: [
        { op: 'set-capability', args: { name: 'a', value: 'b' } },
        { op: 'set-attribute', args: { path: '/extra/bmc', value: '{inventory[bmc_address]}' } },
        { op: 'set-attribute', args: { path: '/resource_class', value: 'large' } },
        { op: 'set-attribute', args: { path: '/driver_info/secret_field', value: 'hidden' } },
        { op: 'add-trait', args: { name: 'CUSTOM_LARGE' } },
        { op: 'set-port-attribute', args: { port_id: '52:54:00:00:00:01', path: '/physical_network', value: 'p1' } },
        { op: 'log', args: { msg: 'a large one' } },
      ],
    },
    { conditions: [{ op: 'eq', args: { values: [1, 2] } }], actions: [{ op: 'fail', args: { msg: 'never' } }] },
  )
  await inspect()
  expect(await state()).toBe('manageable')
  expect(await shown('properties', 'extra', 'driver_info')).toEqual([
    { cpus: 8, capabilities: 'a:b' },
    { bmc: '10.1.2.3' },
    { secret_field: '******' },
  ])
  expect(String((await row('secrets'))['secrets'])).not.toContain('hidden')
  expect(await row('resource_class', 'last_error')).toEqual({ resource_class: 'large', last_error: null })
  expect(await traits()).toEqual([['CUSTOM_LARGE']])
  expect(await one.bench.sql.all('SELECT physical_network FROM ports')).toEqual([['p1']])
  expect(await one.bench.sql.all("SELECT body FROM notes WHERE stage = 'inspection rule'")).toEqual([
    ['{"level":"info","message":"a large one"}'],
  ])
})

test.each<[string, object, string]>([
  ['that fails', { op: 'fail', args: { msg: 'too few CPUs' } }, 'inspection rule rule-0: too few CPUs'],
  ['with a value of the wrong kind', { op: 'set-attribute', args: { path: '/extra', value: 5 } }, 'extra'],
  ['with a driver that is not there', { op: 'set-attribute', args: { path: '/driver', value: 'none' } }, 'none'],
  ['with a trait that is none', { op: 'add-trait', args: { name: 'no trait' } }, 'no trait'],
])('a rule %s fails the inspection, and its message is the error', async (_name, action, message) => {
  await rules({ actions: [{ op: 'set-attribute', args: { path: '/extra/a', value: 1 } }, action] })
  await inspect()
  expect(await state()).toBe('inspect failed')
  expect(String((await row('last_error'))['last_error'])).toContain(message)
  expect(await one.bench.sql.all('SELECT state FROM tasks')).toEqual([['failed']])
  await one.bench.sql.batch([{ sql: 'DELETE FROM inspection_rules', args: [] }])
  await inspect()
  expect(await row('provision_state', 'last_error'), 'the next one knows nothing of it').toEqual({
    provision_state: 'manageable',
    last_error: null,
  })
})

test('an inspection that found no inventory has nothing for rules', async () => {
  await rules({ actions: [{ op: 'fail', args: { msg: 'never' } }] })
  await inspect({ properties: { cpus: 8 } })
  expect(await state()).toBe('manageable')
})

test.each<[string, number, number]>([
  ['an inspection with little to do shares its turn', 1, 1],
  ['what waits behind an inspection with much to do has the next turn', 256, 2],
])('%s', async (_name, actions, turns) => {
  const loop = Array<number>(100).fill(1)
  await rules({ actions: Array.from({ length: actions }, () => ({ op: 'remove-trait', args: ['CUSTOM_X'], loop })) })
  const create = () => one.bench.command('node.create', { node: { driver: 'fake-hardware' } })
  const { sql } = one.bench
  const store = sql.batch.bind(sql)
  const batches = vi.spyOn(sql, 'batch')
  await inspect(undefined, async (say) => {
    batches.mockClear()
    const held = Promise.withResolvers<void>()
    batches.mockImplementationOnce((statements) => held.promise.then(() => store(statements)))
    const first = create()
    const heard = say()
    await setImmediate() // now it waits behind the first
    const last = create()
    held.resolve()
    expect(await Promise.all([first, last])).toMatchObject([{ ok: true }, { ok: true }])
    await heard
    expect(batches).toHaveBeenCalledTimes(1 + turns)
  })
  expect(await state()).toBe('manageable')
})

test('lines of rules beyond those that are kept are counted in one', async () => {
  await rules({ actions: [{ op: 'log', args: { msg: 'seen' }, loop: Array<number>(130).fill(1) }] })
  await inspect()
  const notes = await one.bench.sql.all("SELECT body FROM notes WHERE stage = 'inspection rule' ORDER BY id DESC")
  expect([notes.length, notes[0]![0]]).toEqual([101, '{"message":"30 lines more"}'])
})

test('NICs that were found become ports; an address that another node has is a line on the timeline', async () => {
  const port = (node: string, address: string) =>
    one.bench.command('row.create', { table: 'port', row: { node, address } } as never)
  const other = await one.bench.newNode({ name: 'n2' })
  await port(one.node, '52:54:00:00:00:01')
  await port(other, '52:54:00:00:00:02')
  const ports = ['01', '02', '03'].map((last) => ({ address: `52:54:00:00:00:${last}`, pxe_enabled: last === '01' }))
  await inspect({ inventory, plugin_data: {}, properties: {}, ports })
  expect(await state()).toBe('manageable')
  const rows = await one.bench.sql.all('SELECT address, pxe_enabled FROM ports WHERE node = ? ORDER BY address', [
    one.node,
  ])
  expect(rows.map((row) => [...row])).toEqual([
    ['52:54:00:00:00:01', 1],
    ['52:54:00:00:00:03', 0],
  ])
  const notes = await one.bench.sql.all("SELECT body FROM notes WHERE stage = 'inspection port'")
  expect(notes.map(([body]) => JSON.parse(String(body)) as unknown)).toEqual([
    { address: '52:54:00:00:00:02', why: expect.stringContaining('already exists') as unknown },
  ])
})

const nic = (i: number) => ({
  address: `52:54:00:00:${Math.floor(i / 256)
    .toString(16)
    .padStart(2, '0')}:${(i % 256).toString(16).padStart(2, '0')}`,
  pxe_enabled: false,
})
const nics = (count: number) => Array.from({ length: count }, (_, i) => nic(i))
const portNotes = async () => {
  const notes = await one.bench.sql.all("SELECT body FROM notes WHERE stage = 'inspection port'")
  return notes.map(([body]) => JSON.parse(String(body)) as unknown)
}
const portCount = async () => (await one.bench.sql.all('SELECT count(*) FROM ports WHERE node = ?', [one.node]))[0]![0]

test('many ports are one message to their conductor, and few questions to the database', async () => {
  await inspect()
  const reads = vi.spyOn(one.bench.sql, 'all')
  const looked = async (ports: object[]) => {
    await verb('manage')
    const [before, granted] = [reads.mock.calls.length, one.peer.of('grants').length]
    await inspect({ inventory, plugin_data: {}, ports })
    return { reads: reads.mock.calls.length - before, grants: one.peer.of('grants').length - granted }
  }
  const first = await looked([nic(300)])
  expect(await looked(nics(100))).toEqual(first)
  expect(first.grants).toBe(1)
  expect(one.peer.of('grants').at(-1)!.add[0]!.ports).toHaveLength(101)
})

test('NICs beyond those that a node takes at once are told', async () => {
  await inspect({ inventory, plugin_data: {}, ports: nics(300) })
  expect([await portCount(), await portNotes()]).toEqual([
    256,
    [{ count: 44, why: expect.stringContaining('256') as unknown }],
  ])
})

test('one NIC that is none, and one that is found twice, do not hide the others', async () => {
  const ports = [
    { address: 'none', pxe_enabled: true },
    7,
    nic(1),
    nic(1),
    { ...nic(171), address: '52:54:00:00:00:AB' },
  ]
  await inspect({ inventory, plugin_data: {}, ports })
  expect([await portCount(), (await portNotes()).length]).toEqual([2, 2])
  await inspect({ inventory, plugin_data: {}, ports: ports.slice(2) })
  expect([await portCount(), (await portNotes()).length]).toEqual([2, 2])
})

test('ports with which a node would be too large are told, and none is made', async () => {
  const large = 'x'.repeat(55_000)
  await one.bench.command('node.patch', {
    node: one.node,
    patch: [{ op: 'add', path: '/properties/large', value: large }],
  })
  await inspect({ inventory, plugin_data: {}, ports: nics(200) })
  expect([await portCount(), await portNotes()]).toEqual([
    0,
    [{ count: 200, why: expect.stringContaining('too large') as unknown }],
  ])
})

const known = (address: string, more: object = {}) =>
  one.bench.command('row.create', { table: 'port', row: { node: one.node, address, ...more } } as never)
const portRows = async () => {
  const columns = 'address, pxe_enabled, physical_network, local_link_connection'
  const rows = await one.bench.sql.all(`SELECT ${columns} FROM ports WHERE node = ? ORDER BY address`, [one.node])
  return rows.map(([address, pxe, network, link]) => [address, pxe === 1, network, JSON.parse(String(link))])
}
const told = (nics_: object[], policy: object = {}) => ({
  inventory,
  plugin_data: {},
  ports: { nics: nics_, keep: 'all', update_pxe_enabled: true, ...policy },
})
const link = { switch_id: '00:11:22:33:44:55', port_id: 'Gi1/0/7', switch_info: 'sw1' }

test('a NIC whose port is there says whether it boots, on which network it is and where its cable ends', async () => {
  await known(nic(1).address, { pxe_enabled: true })
  await known(nic(2).address, {
    pxe_enabled: false,
    local_link_connection: { port_id: 'by hand', switch_id: '00:00:00:00:00:01' },
  })
  const facts = told([
    { address: nic(1).address, pxe_enabled: false },
    { address: nic(2).address, pxe_enabled: true, local_link_connection: link, physical_network: 'p1' },
    { address: nic(3).address, pxe_enabled: false, add: true, local_link_connection: link, physical_network: 'p2' },
    { address: nic(4).address, pxe_enabled: false, add: false },
  ])
  await inspect(facts)
  const after = [
    [nic(1).address, false, null, {}],
    [nic(2).address, true, 'p1', { port_id: 'by hand', switch_id: '00:00:00:00:00:01', switch_info: 'sw1' }],
    [nic(3).address, false, 'p2', link],
  ]
  expect([await portRows(), await portNotes()]).toEqual([after, []])
  const grants = one.peer.of('grants').length
  await verb('manage')
  await inspect(facts)
  expect(await portRows(), 'the same again').toEqual(after)
  expect(one.peer.of('grants'), 'which changes nothing').toHaveLength(grants)
})

test('ports that are there keep their pxe_enabled where that is the policy', async () => {
  await known(nic(1).address, { pxe_enabled: true })
  await inspect(told([{ address: nic(1).address, pxe_enabled: false }], { update_pxe_enabled: false }))
  expect(await portRows()).toEqual([[nic(1).address, true, null, {}]])
})

test.each<['all' | 'present' | 'added', number[]]>([
  ['all', [1, 2, 3, 4]],
  ['present', [1, 2, 3]],
  ['added', [2, 3]],
])('ports that stay: %s', async (keep, left) => {
  for (const i of [1, 2, 4]) await known(nic(i).address)
  const nics_ = [1, 2, 3].map((i) => ({ ...nic(i), add: i > 1 }))
  await inspect(told(nics_, { keep }))
  expect((await portRows()).map(([address]) => address)).toEqual(left.map((i) => nic(i).address))
  await verb('manage')
  await inspect(told([], { keep }))
  expect(await portRows(), 'an inspection that found no NIC says nothing of ports').toHaveLength(left.length)
})

test('a port with a VIF stays, and the timeline says why', async () => {
  const made = await known(nic(1).address)
  expect(made.ok).toBe(true)
  await one.bench.sql.batch([{ sql: `UPDATE ports SET internal_info = '{"tenant_vif_port_id":"v"}'`, args: [] }])
  await inspect(told([{ ...nic(2), add: true }], { keep: 'present' }))
  expect(await portRows()).toHaveLength(2)
  expect(await portNotes()).toEqual([{ address: nic(1).address, why: expect.stringContaining('VIF v') as unknown }])
})

test('the next inspection is told which disks this one has found', async () => {
  await inspect({ inventory, plugin_data: {}, driver_internal_info: { inspected_disks: ['a', 'b'] } })
  expect(one.peer.last('task').context).not.toHaveProperty('inspected_disks')
  await inspect()
  expect(one.peer.last('task').context).toMatchObject({ inspected_disks: ['a', 'b'] })
})

test.each<[string, unknown, unknown]>([
  ['a text', 'a:b,boot_mode:bios', 'a:b,boot_mode:uefi,cpu_vt:true'],
  ['an object', { a: 'b' }, { a: 'b', boot_mode: 'uefi', cpu_vt: 'true' }],
  ['nothing', undefined, 'boot_mode:uefi,cpu_vt:true'],
])('capabilities that were found go to those that are there, which are %s', async (_, before, after) => {
  await one.change(`properties = '${JSON.stringify({ capabilities: before })}'`)
  await inspect({ inventory, properties: { cpus: 8 }, capabilities: { boot_mode: 'uefi', cpu_vt: 'true' } })
  expect(await shown('properties')).toEqual([{ cpus: 8, capabilities: after }])
  await verb('manage')
  await inspect({ inventory, properties: {}, capabilities: { 'a:b': 'c' } })
  expect(await shown('properties'), 'what is no capability').toEqual([{ cpus: 8, capabilities: after }])
})
