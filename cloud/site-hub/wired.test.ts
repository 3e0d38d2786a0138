// A node whose network interface puts its machine from one network to another: what its conductor is told of its cables, what is planned, and what is kept of
// what the conductor tells.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HubBench, type TestPeer } from './testdata/hub-bench.ts'
import { driver as anyDriver } from './testdata/one-node.ts'

const driver = { ...anyDriver, interfaces: { ...anyDriver.interfaces, network: ['noop', 'wiring'] }, wires: ['wiring'] }
const LINK = { switch_id: 'aa:bb:cc:00:11:22', port_id: 'Eth1' }

let bench: HubBench
let peer: TestPeer
let node: string
let port: string

beforeEach(async () => {
  bench = await HubBench.make()
  peer = await bench.connect('a', [driver])
  bench.answerCalls(peer, () => null)
  node = await bench.newNode({ name: 'n1', automated_clean: false, network_interface: 'wiring' })
  port = await row('port', { address: '52:54:00:00:00:01', local_link_connection: LINK, physical_network: 'p1' })
  await put('available')
})
afterEach(() => bench.close())

const put = (state: string) =>
  bench.sql.batch([{ sql: 'UPDATE nodes SET provision_state = ? WHERE uuid = ?', args: [state, node] }])
const verb = async (name: string, args = {}) =>
  expect(await bench.command('node.provision', { node, verb: name as 'active', args })).toMatchObject({ ok: true })
const names = () => peer.last('task').steps.map(({ interface: iface, step }) => `${iface}.${step}`)
const networks = (all = names()) => all.filter((name) => name.startsWith('network.')).map((name) => name.slice(8))

async function row(table: 'port' | 'portgroup', given: object, of = node): Promise<string> {
  const made = await bench.command('row.create', { table, row: { node: of, ...given } })
  expect(made).toMatchObject({ ok: true })
  return (made as { value: { uuid: string } }).value.uuid
}
const internal = async (table: 'ports' | 'portgroups', uuid: string) =>
  JSON.parse(String((await bench.sql.all(`SELECT internal_info FROM ${table} WHERE uuid = ?`, [uuid]))[0]![0]))

/** The first step ends, and tells this. */
async function tell(facts: Record<string, unknown>): Promise<void> {
  const { id, epoch, lastEvent: n } = peer.last('task')
  await bench.say(peer, { type: 'accepted', id, epoch })
  await bench.say(peer, { type: 'intent', id, epoch, step: 0, rid: 1 })
  const events = (['started', 'finished'] as const).map((kind, i) => ({
    n: n + 1 + i,
    at: bench.now,
    step: 0,
    kind,
    ...(kind === 'finished' && { facts }),
  }))
  await bench.say(peer, { type: 'event', id, epoch, events })
}

test('its conductor knows its cables, and hears of each change; that of another node does not', async () => {
  const ports = () => peer.grant(node)!.ports
  expect(ports()).toMatchObject([{ wiring: { link: LINK, vifs: {} } }])
  await put('manageable')
  const group = await row('portgroup', {
    mode: '802.3ad',
    properties: { miimon: 100 },
    standalone_ports_supported: true,
  })
  expect(peer.grant(node)!.portgroups).toMatchObject([{ uuid: group, mode: '802.3ad', properties: { miimon: 100 } }])
  const patch = [{ op: 'replace' as const, path: '/mode', value: 'active-backup' }]
  await bench.command('row.patch', { table: 'portgroup', uuid: group, patch })
  expect(peer.grant(node)!.portgroups).toMatchObject([{ mode: 'active-backup' }])
  await bench.command('vif.attach', { node, vif: 'v1', on: { table: 'port', uuid: port } })
  expect(ports()).toMatchObject([{ wiring: { vifs: { tenant_vif_port_id: 'v1' } } }])
  await bench.command('vif.detach', { node, vif: 'v1' })
  expect(ports()).toMatchObject([{ wiring: { vifs: {} } }])
  const other = await bench.newNode({ name: 'n2' })
  await row('port', { address: '52:54:00:00:00:02' }, other)
  expect(peer.grant(other)!.ports[0]).not.toHaveProperty('wiring')
})

test('portgroups with which a wired node would not fit into a message are refused, those of another node are not', async () => {
  await put('manageable')
  const properties = { text: 'x'.repeat(70_000) }
  const make = (of: string) =>
    bench.command('row.create', { table: 'portgroup', row: { node: of, mode: '802.3ad', properties } })
  expect(await make(node)).toMatchObject({ ok: false, fault: { code: 'request.too_large' } })
  expect(await make(await bench.newNode({ name: 'n2' }))).toMatchObject({ ok: true })
})

test('a deployment goes from the provisioning network to those of the instance, as a core step of Ironic’s priority', async () => {
  await verb('active', { steps: [{ interface: 'deploy', step: 'inject', priority: 35, args: { files: [] } }] })
  expect(networks()).toEqual(['add_provisioning_network', 'remove_provisioning_network', 'configure_tenant_networks'])
  const all = names()
  expect(all.indexOf('network.add_provisioning_network')).toBe(all.indexOf('boot.prepare_ramdisk') - 1)
  expect(all.slice(-3)).toEqual([
    'network.remove_provisioning_network',
    'network.configure_tenant_networks',
    'power.power_on',
  ])
  await bench.work(peer)
  await verb('rebuild')
  expect(networks()[0]).toBe('unconfigure_tenant_networks')
  await bench.work(peer)
  await verb('deleted')
  expect(names().at(-1)).toBe('network.unconfigure_tenant_networks')
})

test('a node with another network interface has no such steps', async () => {
  node = await bench.newNode({ name: 'n2', automated_clean: false })
  await put('available')
  await verb('active')
  expect(networks()).toEqual([])
})

test('one whose conductor is older than such steps has none either', async () => {
  const { wires: _, ...older } = driver
  await bench.disconnect(peer)
  peer = await bench.connect('a', [older], null, 'run-2')
  await verb('active')
  expect(networks()).toEqual([])
})

test('a node that keeps its agent does not, when it goes to another network', async () => {
  await bench.sql.batch([
    { sql: 'UPDATE nodes SET driver_info = \'{"fast_track": true}\' WHERE uuid = ?', args: [node] },
  ])
  await put('manageable')
  await verb('clean', { steps: [{ interface: 'deploy', step: 'burn' }] })
  expect(networks()).toEqual(['add_cleaning_network', 'remove_cleaning_network'])
})

test('with a smart NIC the machine is on while its networks change', async () => {
  await put('manageable')
  await row('port', {
    address: '52:54:00:00:00:03',
    is_smartnic: true,
    local_link_connection: { port_id: 'rep0', hostname: 'h' },
  })
  await put('available')
  await verb('active')
  expect(names().slice(0, 5)).toEqual([
    ...[
      'power.power_off',
      'power.power_on',
      'network.add_provisioning_network',
      'power.power_off',
      'boot.prepare_ramdisk',
    ],
  ])
})

test('what its ports have is kept as its conductor tells it; of others’ ports, and of nonsense, nothing is', async () => {
  const other = await bench.newNode({ name: 'n2' })
  const others = await row('port', { address: '52:54:00:00:00:02' }, other)
  await bench.command('vif.attach', { node, vif: 'v1' })
  await verb('active')
  const vifs = { [port]: { provisioning_vif_port_id: 'q1' }, [others]: { provisioning_vif_port_id: 'q2' } }
  await tell({ vifs })
  expect(await internal('ports', port)).toEqual({ tenant_vif_port_id: 'v1', provisioning_vif_port_id: 'q1' })
  expect(await internal('ports', others)).toEqual({})
  expect(peer.grant(node)!.ports).toMatchObject([{ wiring: { vifs: { provisioning_vif_port_id: 'q1' } } }])
})

test.for([1, { extra: 'x' }, { cleaning_vif_port_id: 7 }])(
  'facts that are none of vifs change nothing: %j',
  async (nonsense) => {
    await verb('active')
    await tell({ vifs: { [port]: nonsense } })
    expect(await internal('ports', port)).toEqual({})
  },
)

test('work that fails when it has touched the networks is undone, and they come last', async () => {
  await put('active')
  await verb('service', { steps: [{ interface: 'deploy', step: 'burn' }] })
  await bench.work(peer, { failAt: 'network.add_servicing_network' })
  expect((await bench.node(node)).provision_state).toBe('service failed')
  expect(names().slice(-2)).toEqual(['network.remove_servicing_network', 'network.configure_tenant_networks'])
  await bench.work(peer, { failAt: 'network.configure_tenant_networks' })
  const [row] = await bench.sql.all('SELECT last_error, maintenance FROM nodes WHERE uuid = ?', [node])
  expect(row).toEqual([expect.stringContaining('Afterwards its networks could not be put back: sha256 differs'), 0])
})

test('an aborted work whose machine is off is no reason for maintenance, though its networks could not be put back', async () => {
  await put('active')
  await verb('service', { steps: [{ interface: 'deploy', step: 'burn' }] })
  const done = await bench.work(peer, { stopAt: 'deploy.wait_agent' })
  const { id, epoch } = peer.last('task')
  const events = (['started', 'waiting'] as const).map((kind, i) => ({
    n: 2 * done.length + 1 + i,
    at: bench.now,
    step: done.length,
    kind,
  }))
  await bench.say(peer, { type: 'event', id, epoch, events })
  await verb('abort')
  const fault = { code: 'task.cancelled' as const, message: 'cancelled', hint: '' }
  await bench.say(peer, { type: 'result', id, epoch, outcome: { ok: false, fault, step: done.length } })
  expect(names()[0]).toBe('power.power_off')
  await bench.work(peer, { failAt: 'network.configure_tenant_networks' })
  const [row] = await bench.sql.all('SELECT last_error, maintenance FROM nodes WHERE uuid = ?', [node])
  expect(row).toEqual([expect.stringContaining('its networks could not be put back'), 0])
})

test('a VIF goes to a port on its physical network, or to one of which nobody has said it', async () => {
  await put('manageable')
  const p2 = await row('port', { address: '52:54:00:00:00:02', physical_network: 'p2', pxe_enabled: false })
  const any = await row('port', { address: '52:54:00:00:00:03', pxe_enabled: false })
  const attach = async (vif: string, more: object = {}) => {
    const result = await bench.command('vif.attach', { node, vif, physical: ['p2'], ...more })
    return result.ok ? (result.value as { uuid: string }).uuid : result.fault.code
  }
  expect(await attach('v0', { on: { table: 'port', uuid: port } })).toBe('conflict')
  expect(await attach('v1')).toBe(p2)
  expect(await attach('v2')).toBe(any)
  expect(await attach('v3')).toBe('request.invalid')
})

test('a portgroup is on the physical network of its ports', async () => {
  await put('manageable')
  const group = await row('portgroup', { mode: '802.3ad' })
  await row('port', { address: '52:54:00:00:00:02', physical_network: 'p2', portgroup: group, pxe_enabled: false })
  const result = await bench.command('vif.attach', { node, vif: 'v1', physical: ['p1'] })
  expect(result).toMatchObject({ ok: true, value: { table: 'port', uuid: port } })
  expect(await bench.command('vif.attach', { node, vif: 'v2', physical: ['p2'] })).toMatchObject({
    value: { uuid: group },
  })
})
