// The ring and its conductors as people see and change them, over the real API with conductors on sockets.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemEnv } from '../../../shared/env.ts'
import { CONNECT_PATH, newIdentity } from '../../../shared/upgrade.ts'
import { startTestHost, type TestHost } from '../../hosts/node/test-host.ts'
import { ask, enrol, TestConductor, upgradeHeaders, type Enrolled, type Reply } from '../../hosts/test-conductor.ts'

let host: TestHost
let nowMs = 0
const conductors: TestConductor[] = []
beforeEach(async () => {
  nowMs = 0
  host = await startTestHost({ env: { ...systemEnv, now: () => Date.now() + nowMs } })
})
afterEach(async () => {
  for (const conductor of conductors.splice(0)) conductor.stop()
  await host.stop()
})

const api = (method: string, path: string, body?: unknown): Promise<Reply> => ask(host, method, path, body)
async function conductor(hostname: string): Promise<{ enrolled: Enrolled; conductor: TestConductor }> {
  const enrolled = await enrol(host, hostname)
  const started = await TestConductor.start(host, enrolled, hostname)
  conductors.push(started)
  return { enrolled, conductor: started }
}
async function makeNodes(count: number, more = {}): Promise<string[]> {
  const made: string[] = []
  for (let i = 0; i < count; i++)
    made.push((await api('POST', '/v1/nodes', { driver: 'fake-hardware', ...more })).body.uuid as string)
  return made
}
const ring = async (query = '') => (await api('GET', `/v1/sites/default/ring${query}`)).body
/** Until every node is where the ring wants it. */
async function settledRing() {
  for (let i = 0; i < 400; i++) {
    const seen = await ring()
    if (seen.pending === 0) return seen
    await new Promise((done) => setTimeout(done, 10))
  }
  throw new Error(`the ring does not settle: ${JSON.stringify(await ring())}`)
}

test('who has what, what is due to each, what cannot be placed and why', async () => {
  await conductor('c1')
  await makeNodes(3)
  await conductor('c2')
  const [asking] = await makeNodes(1, { driver_info: { conductor_labels: { row: '9' } } })
  const seen = await settledRing()
  expect(seen).toMatchObject({ nodes: 4, pending: 0, pending_moves: [], unplaceable: 1, held_by_tenure: 0 })
  expect(seen.ring_version).toBeGreaterThan(0)
  expect(seen.unplaceable_nodes).toEqual([
    { node_uuid: asking, why: 'no live conductor that serves driver fake-hardware has the labels row=9' },
  ])
  expect(seen.members.map((m: { nodes: number }) => m.nodes).sort()).toEqual([1, 2])
  expect(seen.members[0]).toMatchObject({
    hostname: 'c1',
    alive: true,
    draining: false,
    weight: 1,
    labels: {},
    drivers: ['fake-hardware'],
    share: 1.5,
    off_quota: 0.5,
  })
  expect(seen.imbalance).toBe(0.5)
  expect(seen.busiest_to_mean).toBeCloseTo(4 / 3, 3)
})

test('why a node is where it is, and what would move', async () => {
  const { enrolled } = await conductor('c1')
  await conductor('c2')
  const nodes = await makeNodes(4)
  const [mine] = nodes
  const told = (await api('GET', `/v1/nodes/${mine}/ring`)).body
  const other = told.conductor === 'c1' ? 'c2' : 'c1'
  expect(told).toMatchObject({
    node_uuid: mine,
    driver: 'fake-hardware',
    labels: '',
    nodes_alike: 4,
    next: other,
    ineligible: [],
  })
  expect(told.why).toContain('nothing needs to move')
  expect(told.eligible.map((e: { hostname: string }) => e.hostname).sort()).toEqual(['c1', 'c2'])
  const { explain } = await ring(`?node=${mine}`)
  expect({ ...explain, links: told.links }).toEqual(told)

  const without = (await ring('?without=c1&limit=1')).what_if
  expect(without).toMatchObject({ change: { kind: 'without', conductor: 'c1' }, members: 1, moves: 2, unplaceable: 0 })
  expect(without.moved_nodes).toEqual([{ node_uuid: expect.any(String) as string, from: 'c1', to: 'c2' }])
  expect((await ring(`?drain=${enrolled.conductor}`)).what_if).toMatchObject({
    moves: 2,
    change: { kind: 'drain', conductor: 'c1' },
  })
  expect((await ring('?weight=c1:3')).what_if).toMatchObject({ moves: 1, moved_nodes: [{ from: 'c2', to: 'c1' }] })
  expect((await ring('?weight=c3:2')).what_if).toMatchObject({
    members: 3,
    moves: 2,
    change: { conductor: 'c3', weight: 2 },
  })
  expect((await ring()).pending, 'asking changes nothing').toBe(0)
  for (const [query, status] of [
    ['?weight=c1', 400],
    ['?weight=c1:0', 400],
    ['?without=c1&drain=c2', 400],
    ['?without=nobody', 404],
    [`?node=${crypto.randomUUID()}`, 404],
    ['?x=1', 400],
  ] as const)
    expect([query, (await api('GET', `/v1/sites/default/ring${query}`)).status]).toEqual([query, status])
})

test('drain by hostname moves the nodes, shows, and is undone', async () => {
  const { enrolled } = await conductor('c1')
  await conductor('c2')
  await makeNodes(4)
  const drained = await api('POST', '/v1/conductors/c1/drain')
  expect([drained.status, drained.body.draining, drained.headers.get('location')]).toEqual([
    202,
    true,
    `${host.url}/v1/conductors/${enrolled.conductor}`,
  ])
  const empty = await settledRing()
  expect(empty.members.map((m: { nodes: number }) => m.nodes)).toEqual([0, 4])
  expect((await api('GET', '/v1/conductors/c1')).body).toMatchObject({ draining: true, nodes: 0, alive: true })
  expect((await api('POST', '/v1/conductors/c1/drain')).body.message).toBe('It has no nodes: it can be stopped.')
  expect((await api('POST', '/v1/conductors/c2/drain')).body).toMatchObject({
    nodes: 4,
    nodes_staying: 4,
    message: expect.stringContaining('no other live conductor may have them') as string,
  })
  expect((await ring()).unplaceable_nodes[0].why).toBe(
    'every live conductor that serves driver fake-hardware is draining',
  )
  expect((await api('POST', `/v1/conductors/${enrolled.conductor}/undrain`)).status).toBe(202)
  expect((await settledRing()).members.map((m: { nodes: number }) => m.nodes)).toEqual([4, 0])
  expect((await api('POST', '/v1/conductors/nobody/drain')).status).toBe(404)
})

test('weight and labels are changed by PATCH, and the ring follows', async () => {
  await conductor('c1')
  await conductor('c2')
  await makeNodes(4)
  const weighed = await api('PATCH', '/v1/conductors/c1', [{ op: 'replace', path: '/weight', value: 3 }])
  expect([weighed.status, weighed.body.weight]).toEqual([200, 3])
  expect((await settledRing()).members.map((m: { nodes: number }) => m.nodes)).toEqual([3, 1])
  const patch = (op: string, path: string, value?: unknown) => api('PATCH', '/v1/conductors/c1', [{ op, path, value }])
  expect((await patch('add', '/labels', { row: '7', oob: 'a' })).body.labels).toEqual({ row: '7', oob: 'a' })
  expect((await patch('remove', '/labels/oob')).body.labels).toEqual({ row: '7' })
  expect((await patch('add', '/labels/pdu', 'b')).body.labels).toEqual({ row: '7', pdu: 'b' })
  for (const [op, path, value] of [
    ['replace', '/weight', 0],
    ['replace', '/weight', 1.5],
    ['remove', '/weight', undefined],
    ['add', '/labels/a', 'with,comma'],
    ['add', '/labels/a', 7],
    ['remove', '/labels/none', undefined],
    ['replace', '/hostname', 'x'],
  ] as const)
    expect([path, value, (await patch(op, path, value)).status]).toEqual([path, value, 400])
  expect((await api('GET', '/v1/conductors/c1')).body).toMatchObject({ weight: 3, labels: { row: '7', pdu: 'b' } })
})

test('one that is away can be declared dead, with a warning; one that is there cannot', async () => {
  const { conductor: c1 } = await conductor('c1')
  await conductor('c2')
  await makeNodes(2)
  const refused = await api('POST', '/v1/conductors/c1/declare-dead')
  expect([refused.status, refused.body.code]).toEqual([409, 'conductor.alive'])
  expect(refused.body.hint).toContain('drain')
  c1.stop()
  let reply = refused
  for (let i = 0; i < 400 && reply.status === 409; i++) reply = await api('POST', '/v1/conductors/c1/declare-dead')
  expect(reply.body).toMatchObject({
    nodes_moved: 1,
    nodes_left: 0,
    warning: expect.stringContaining('switch its host off') as string,
  })
  const { members } = await ring()
  expect(members.map((m: { nodes: number; alive: boolean }) => [m.nodes, m.alive])).toEqual([
    [0, false],
    [2, true],
  ])
})

test('a revoked conductor is out, cannot come back, and it is no error twice', async () => {
  const { enrolled, conductor: c1 } = await conductor('c1')
  expect((await api('DELETE', '/v1/conductors/c1')).status).toBe(204)
  await expect.poll(() => c1.closeCode).toBe(4403)
  const quiet = { onMessage: () => undefined, onClose: () => undefined }
  const again = await host.connect(CONNECT_PATH, await upgradeHeaders(host, enrolled), quiet)
  expect(again instanceof Response && again.status).toBe(403)
  expect((await api('GET', '/v1/conductors/c1')).body).toMatchObject({
    alive: false,
    revoked_at: expect.any(String) as string,
  })
  expect((await api('DELETE', '/v1/conductors/c1')).status).toBe(204)
  const { audit } = (await api('GET', `/v1/audit?target=${enrolled.conductor}`)).body
  expect(audit.map((entry: { action: string; outcome: string }) => [entry.action, entry.outcome])).toEqual([
    ['conductor.connect', 'conductor.revoked'],
    ['conductor.revoked', 'ok'],
  ])
  // The same host may enrol anew.
  expect((await conductor('c1')).enrolled.conductor).toBe(enrolled.conductor)
})

test('what is refused at the door is in the audit log once a minute, and the log is read in pages', async () => {
  const { enrolled } = await conductor('c1')
  const quiet = { onMessage: () => undefined, onClose: () => undefined }
  const { privateKey } = await newIdentity()
  const knock = async (key: string, at = Date.now() + nowMs) => {
    const headers = await upgradeHeaders(host, { ...enrolled, privateKey: key }, CONNECT_PATH, at)
    const answer = await host.connect(CONNECT_PATH, headers, quiet)
    return answer instanceof Response ? answer.status : 101
  }
  for (let i = 0; i < 3; i++) expect(await knock(privateKey)).toBe(401)
  expect(await knock(enrolled.privateKey, Date.now() - 600_000)).toBe(401)
  const read = async (query: string) => (await api('GET', `/v1/audit?action=conductor.connect${query}`)).body
  const outcomes = async () => (await read('')).audit.map((entry: { outcome: string }) => entry.outcome)
  expect(await outcomes()).toEqual(['conductor.clock', 'conductor.signature'])
  nowMs += 61_000
  expect(await knock(privateKey)).toBe(401)
  expect(await outcomes()).toEqual(['conductor.signature', 'conductor.clock', 'conductor.signature'])
  const [entry] = (await read('&limit=1')).audit
  expect(entry).toMatchObject({
    actor: null,
    target: enrolled.conductor,
    request_id: expect.stringMatching(/^req-/) as string,
    body: { why: expect.any(String) as string },
  })
  const seen: string[] = []
  let path: string | undefined = '/v1/audit?action=conductor.connect&limit=2'
  for (let page = 0; path && page < 5; page++) {
    const { body }: Reply = await api('GET', path)
    seen.push(...body.audit.map((each: { id: number }) => each.id))
    path = body.next?.slice(host.url.length)
  }
  expect(seen.length).toBe(3)
  expect(seen).toEqual([...new Set(seen)].sort((a, b) => Number(b) - Number(a)))
  for (const wrong of ['?marker=x', '?limit=0', '?x=1'])
    expect((await api('GET', `/v1/audit${wrong}`)).status).toBe(400)
})

test('a site’s tenure is set and taken back by PATCH', async () => {
  const patch = (op: string, value?: unknown) => api('PATCH', '/v1/sites/default', [{ op, path: '/tenure_ms', value }])
  expect((await api('GET', '/v1/sites/default')).body.tenure_ms).toBeNull()
  expect((await patch('add', 300_000)).body.tenure_ms).toBe(300_000)
  expect((await patch('remove')).body.tenure_ms).toBeNull()
  for (const wrong of [-1, 1.5, 'x', 25 * 3_600_000]) expect((await patch('add', wrong)).status).toBe(400)
})

test('a site’s lease is set within its bounds, what is beyond them is refused in words, and taken back it is the default', async () => {
  const patch = (op: string, value?: unknown) => api('PATCH', '/v1/sites/default', [{ op, path: '/lease_ms', value }])
  expect((await patch('replace', 20_000)).body.lease_ms).toBe(20_000)
  for (const wrong of [4_999, 40_001, 0, -1, 7_500.5, null, '20000']) {
    const { status, text } = await patch('replace', wrong)
    expect([status, text], String(wrong)).toEqual([400, expect.stringContaining('lease_ms')])
  }
  expect((await patch('replace', 40_001)).text).toContain('5000 to 40000')
  expect((await patch('remove')).body.lease_ms).toBe(15_000)
})

test('a node that is too large for a message is refused with 413; one that is so already is withheld, and explain says why', async () => {
  await conductor('c1')
  const properties = { note: 'x'.repeat(70_000) }
  const refused = await api('POST', '/v1/nodes', { driver: 'fake-hardware', properties })
  expect([refused.status, refused.text]).toEqual([413, expect.stringContaining('properties')])
  const [large, small] = (await makeNodes(2)) as [string, string]
  const patched = await api('PATCH', `/v1/nodes/${large}`, [{ op: 'add', path: '/properties', value: properties }])
  expect(patched.status).toBe(413)
  const { store } = host.cloud.ports
  const [[organisation] = []] = await store.directory.all('SELECT id FROM organisations')
  const sql = store.organisation(String(organisation))
  await sql.batch([
    { sql: 'UPDATE nodes SET properties = ? WHERE uuid = ?', args: [JSON.stringify(properties), large] },
  ])
  await conductor('c2')
  await conductor('c3') // whoever has it now had to be told
  await api('POST', '/v1/conductors/c1/drain')
  const seen = await settledRing()
  const why = expect.stringMatching(/does not fit into a message.*properties/)
  expect(seen.unplaceable_nodes).toEqual([{ node_uuid: large, why }])
  expect((await api('GET', `/v1/nodes/${large}/ring`)).body).toMatchObject({ conductor: null, why, eligible: [] })
  expect((await api('GET', `/v1/nodes/${small}/ring`)).body.conductor).not.toBeNull()
})
