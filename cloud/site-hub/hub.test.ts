// The hub over a real database, against conductors that a test plays frame by frame.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { open } from '../../shared/sealing.ts'
import { TRANSITIONS } from '../../shared/states.ts'
import { guard, loadState, type HubState } from './state.ts'
import { caller, HubBench, SITE } from './testdata/hub-bench.ts'

let bench: HubBench
beforeEach(async () => void (bench = await HubBench.make()))
afterEach(() => bench.close())

const provision = (node: string, verb: string, args = {}) =>
  bench.command('node.provision', { node, verb: verb as 'manage', args })

async function toAvailable(): Promise<{ peer: Awaited<ReturnType<HubBench['connect']>>; node: string }> {
  const peer = await bench.connect('a')
  const node = await bench.newNode({ name: 'n1', automated_clean: false })
  await provision(node, 'manage')
  await bench.work(peer)
  await provision(node, 'provide')
  return { peer, node }
}

test('a node goes from enroll to active, each state along an edge of the table, each step in the log', async () => {
  const { peer, node } = await toAvailable()
  expect(await bench.node(node)).toMatchObject({ provision_state: 'available', target_provision_state: null })
  expect((await provision(node, 'active')).ok).toBe(true)
  expect(await bench.node(node)).toMatchObject({
    provision_state: 'deploying',
    target_provision_state: 'active',
    reservation: 'conductor-a',
  })
  const steps = await bench.work(peer)
  expect(steps).toContain('deploy.write_image')
  expect(await bench.node(node)).toMatchObject({
    provision_state: 'active',
    target_provision_state: null,
    reservation: null,
    task: null,
  })
  const moves = await bench.sql.all(
    "SELECT json_extract(body,'$.from'), json_extract(body,'$.trigger'), json_extract(body,'$.to') FROM events WHERE type = 'node.provision_state' ORDER BY id",
  )
  for (const [from, trigger, to] of moves)
    expect(
      TRANSITIONS.some((row) => row[0] === from && row[1] === trigger && row[2] === to),
      `${from} ${trigger} ${to}`,
    ).toBe(true)
  expect(moves.map((row) => row[2])).toEqual([
    'verifying',
    'manageable',
    'cleaning',
    'available',
    'deploying',
    'wait call-back',
    'deploying',
    'active',
  ])
  const finished = await bench.sql.all(
    "SELECT json_extract(body,'$.step') FROM events WHERE type = 'step.finished' ORDER BY id",
  )
  expect(finished.map((row) => row[0])).toEqual(['power.verify', ...steps])
})

test('undeploy clears the instance and cleans; a failed step ends in a last_error with cause and next action', async () => {
  const { peer, node } = await toAvailable()
  await bench.command('node.patch', {
    node,
    patch: [
      { op: 'add', path: '/instance_info/image_source', value: 'http://x/y' },
      { op: 'add', path: '/instance_info/display_name', value: 'web' },
    ],
  })
  const name = () => bench.sql.all('SELECT instance_name FROM nodes')
  expect(await name()).toEqual([['web']])
  await provision(node, 'active')
  await bench.work(peer, { failAt: 'deploy.write_image' })
  expect((await provision(node, 'deleted')).ok, 'the machine is being switched off').toBe(false)
  expect(await bench.work(peer)).toEqual(['power.power_off', 'boot.clean_up_ramdisk', 'management.set_boot_device'])
  const failed = await bench.node(node)
  expect(failed).toMatchObject({ provision_state: 'deploy failed', target_provision_state: 'active', task: null })
  expect(failed.last_error).toBe('deploy step deploy.write_image failed: sha256 differs. Next: correct it')
  await provision(node, 'deleted')
  await bench.work(peer)
  expect(await bench.node(node)).toMatchObject({ provision_state: 'available', instance_info: '{}', last_error: null })
  expect(await name()).toEqual([[null]])
})

test('a deployment that fails before it did anything is not undone', async () => {
  const { peer, node } = await toAvailable()
  await provision(node, 'active')
  await bench.work(peer, { failAt: 'power.power_off' })
  expect(await bench.node(node)).toMatchObject({ provision_state: 'deploy failed', task: null })
})

test('a deployment that ran out of time is undone by whoever comes next', async () => {
  const { peer, node } = await toAvailable()
  await provision(node, 'active')
  await bench.work(peer, { stopAt: 'deploy.wait_agent' })
  await bench.disconnect(peer)
  await bench.pass(225 * 60_000) // nobody can say how it went
  expect(await bench.node(node)).toMatchObject({ provision_state: 'deploying' })
  const other = await bench.connect('b', [])
  for (let i = 0; i < 301; i++) {
    await bench.pass(3000)
    await bench.say(other, { type: 'renew', rid: i })
  }
  expect(await bench.node(node)).toMatchObject({ provision_state: 'deploy failed' })
  await bench.disconnect(other)
  const third = await bench.connect('b')
  expect(await bench.work(third)).toContain('power.power_off')
})

test('an undoing that fails is told beside the error of the deployment', async () => {
  const { peer, node } = await toAvailable()
  await provision(node, 'active')
  await bench.work(peer, { failAt: 'deploy.wait_agent' })
  await bench.work(peer, { failAt: 'power.power_off' })
  const { last_error: error, provision_state: state } = await bench.node(node)
  expect(state).toBe('deploy failed')
  expect(error).toMatch(/^deploy step deploy.wait_agent failed: .* Afterwards the machine could not be switched off/)
})

test('an aborted deployment is undone, also by another conductor than the one that was told to stop', async () => {
  const { peer, node } = await toAvailable()
  await provision(node, 'active')
  await bench.work(peer, { stopAt: 'deploy.wait_agent' })
  const { id, epoch } = peer.last('task')
  const [[lastEvent] = [0]] = await bench.sql.all('SELECT last_event FROM tasks WHERE id = ?', [id])
  const waiting = { n: Number(lastEvent) + 1, at: bench.now, step: 4, kind: 'waiting' as const }
  await bench.say(peer, { type: 'event', id, epoch, events: [waiting] })
  expect((await provision(node, 'abort')).ok).toBe(true)
  await bench.disconnect(peer)
  await bench.pass(50 * 60_000) // the tenure of the only conductor
  const other = await bench.connect('b')
  expect(await bench.work(other)).toContain('power.power_off')
  expect(await bench.node(node)).toMatchObject({ provision_state: 'deploy failed', task: null, reservation: null })
})

test('a conductor whose host has the name of another’s is not locked out: it keeps its own', async () => {
  await bench.connect('a')
  const b = await bench.connect('b')
  await bench.say(b, {
    type: 'hello',
    incarnation: 'run-b',
    version: '0',
    hostname: 'conductor-a',
    drivers: [],
    capabilities: [],
    grantsDigest: null,
    inflight: [],
  })
  expect(b.closed).toBeNull()
  expect(b.of('welcome')).toHaveLength(2)
  expect(await bench.sql.all('SELECT hostname FROM conductors ORDER BY id')).toEqual([['conductor-a'], ['conductor-b']])
})

test('a secret is sealed before it is stored, shown as ******, and opens at the site only', async () => {
  const peer = await bench.connect('a')
  const node = await bench.newNode({ driver_info: { secret_field: 'hunter2', plain: 1 } })
  const row = await bench.node(node)
  expect(row.driver_info).toBe('{"secret_field":"******","plain":1}')
  const sealed = JSON.parse(row.secrets as string)['driver_info.secret_field'] as string
  expect(peer.grant(node)!.driverInfo).toEqual({ secret_field: sealed, plain: 1 })
  expect(await open(bench.siteKey.privateKey, { ...SITE, node, field: 'driver_info.secret_field' }, sealed)).toBe(
    'hunter2',
  )
  // A client that writes back what it read keeps the secret; removing the field removes it.
  await bench.command('node.patch', {
    node,
    patch: [{ op: 'replace', path: '/driver_info', value: { secret_field: '******', plain: 2 } }],
  })
  expect(JSON.parse((await bench.node(node)).secrets as string)).toEqual({ 'driver_info.secret_field': sealed })
  await bench.command('node.patch', { node, patch: [{ op: 'remove', path: '/driver_info/secret_field' }] })
  expect((await bench.node(node)).secrets).toBe('{}')
  await bench.sql.batch([{ sql: 'PRAGMA wal_checkpoint(TRUNCATE)', args: [] }]).catch(() => undefined)
  expect(
    JSON.stringify([await bench.sql.all('SELECT * FROM events'), await bench.sql.all('SELECT * FROM nodes')]),
  ).not.toContain('hunter2')
})

test('credentials of an instance are sealed like those of a BMC, reach the task sealed, and go with the instance', async () => {
  const { peer, node } = await toAvailable()
  await bench.command('node.patch', {
    node,
    patch: [{ op: 'add', path: '/instance_info/image_pull_secret', value: 'hunter3' }],
  })
  expect((await bench.node(node)).instance_info).toBe('{"image_pull_secret":"******"}')
  await provision(node, 'active')
  const { image_pull_secret: sealed } = peer.last('task').context['instance_info'] as { image_pull_secret: string }
  expect(
    await open(bench.siteKey.privateKey, { ...SITE, node, field: 'instance_info.image_pull_secret' }, sealed),
  ).toBe('hunter3')
  await bench.work(peer)
  await provision(node, 'deleted')
  await bench.work(peer)
  expect((await bench.node(node)).secrets).toBe('{}')
})

test('a config drive stays with the instance: shown as ******, given to a rebuild again, gone after undeploy', async () => {
  const { peer, node } = await toAvailable()
  await provision(node, 'active', { configdrive: 'sites/s/drive' })
  expect((await bench.node(node)).instance_info).toBe('{"configdrive":"******"}')
  expect(peer.last('task').context).toEqual({ instance_info: { configdrive: 'blob:sites/s/drive' } })
  await bench.work(peer)
  await provision(node, 'rebuild')
  expect(peer.last('task').context).toEqual({ instance_info: { configdrive: 'blob:sites/s/drive' } })
  await bench.work(peer)
  await provision(node, 'deleted')
  await bench.work(peer)
  expect(await bench.node(node)).toMatchObject({ provision_state: 'available', instance_info: '{}', secrets: '{}' })
})

test('what only sounds like a secret is sealed, or refused where nobody could seal it', async () => {
  await bench.connect('a')
  const node = await bench.newNode({ driver_info: { ipmi_password: 'hunter4', ipmi_address: '10.0.0.1' } })
  expect((await bench.node(node)).driver_info).toBe('{"ipmi_password":"******","ipmi_address":"10.0.0.1"}')
  for (const driver_info of [
    { nested: { password: 'hunter5' } },
    { url: 'https://user:hunter5@host/' },
    { secret_field: '******' },
  ]) {
    expect(await bench.command('node.create', { node: { driver: 'fake-hardware', driver_info } })).toMatchObject({
      ok: false,
      fault: { code: 'request.invalid' },
    })
  }
})

test('a site without a key refuses secrets', async () => {
  await bench.sql.batch([{ sql: 'UPDATE sites SET public_key = NULL', args: [] }])
  await bench.connect('a')
  const result = await bench.command('node.create', {
    node: { driver: 'fake-hardware', driver_info: { secret_field: 'x' } },
  })
  expect(result).toMatchObject({ ok: false, fault: { code: 'site.no_key' } })
  expect((await bench.sql.all('SELECT count(*) FROM nodes'))[0]).toEqual([0])
})

test('a second hub woken by mistake takes over, and the first changes nothing any more', async () => {
  await bench.connect('a')
  await bench.newNode({ name: 'before' })
  const other = bench.anotherHub()
  expect((await other.command({ ...caller, kind: 'node.maintenance', node: 'none', on: true, reason: null })).ok).toBe(
    false,
  )
  const late = await bench.hub.command({
    ...caller,
    kind: 'node.create',
    node: { driver: 'fake-hardware', name: 'late' },
  })
  expect(late).toMatchObject({ ok: false, fault: { code: 'hub.superseded' } })
  expect(await bench.sql.all('SELECT name FROM nodes')).toEqual([['before']])
})

test('the first of two hubs tells nobody that a task has ended of which only the second knows', async () => {
  const peer = await bench.connect('a')
  const node = await bench.newNode()
  const other = bench.anotherHub()
  expect((await other.command({ ...caller, kind: 'node.provision', node, verb: 'manage', args: {} })).ok).toBe(true)
  const { id, epoch } = peer.last('task')
  await bench.say(peer, { type: 'intent', id, epoch, step: 0, rid: 1 })
  await bench.say(peer, { type: 'result', id, epoch, outcome: { ok: true } })
  expect([peer.of('done'), peer.of('settled')]).toEqual([[], []])
  expect(peer.closed).toMatchObject({ code: 1011 })
})

test('two hubs that start at the same moment have different numbers, so that only the later one writes', async () => {
  const [first, second] = await Promise.all([loadState(bench.sql, SITE.site, []), loadState(bench.sql, SITE.site, [])])
  const write = (state: HubState) => bench.sql.batch([guard(state, 'a turn')])
  expect(new Set([first.no, second.no]).size).toBe(2)
  await expect(write(first.no < second.no ? first : second)).rejects.toThrow('sites.hub_no')
  await write(first.no < second.no ? second : first)
})

test('one bad input does not take the others of its turn along', async () => {
  await bench.connect('a')
  await bench.newNode({ name: 'taken' })
  const create = (name: string) => bench.command('node.create', { node: { driver: 'fake-hardware', name } })
  const [good, bad, alsoGood] = await Promise.all([create('one'), create('taken'), create('two')])
  expect([good.ok, alsoGood.ok]).toEqual([true, true])
  expect(bad).toMatchObject({
    ok: false,
    fault: { code: 'conflict', message: 'A node with this name already exists.' },
  })
  expect((await bench.sql.all('SELECT name FROM nodes ORDER BY name')).flat()).toEqual(['one', 'taken', 'two'])
})

test('verbs out of place are refused with what is possible, busy nodes with 409', async () => {
  const { node } = await toAvailable()
  expect(await provision(node, 'provide')).toMatchObject({
    ok: false,
    fault: { code: 'state.invalid', hint: 'from available: active, manage' },
  })
  await provision(node, 'active')
  for (const verb of ['manage', 'active', 'provide'])
    expect(await provision(node, verb)).toMatchObject({ ok: false, fault: { code: 'node.locked' } })
  expect(await bench.command('node.power', { node, target: 'power on' })).toMatchObject({
    ok: false,
    fault: { code: 'node.locked' },
  })
  expect(await bench.command('node.patch', { node, patch: [{ op: 'add', path: '/extra/a', value: 1 }] })).toMatchObject(
    { ok: false, fault: { code: 'node.locked' } },
  )
  await bench.command('node.maintenance', { node, on: true, reason: 'look' })
  expect((await bench.node(node)).provision_state).toBe('deploying')
})

test('unknown driver: no node, and the error names the drivers that are served', async () => {
  const none = await bench.command('node.create', { node: { driver: 'ipmi' } })
  expect(none).toMatchObject({
    ok: false,
    fault: { code: 'driver.unknown', message: expect.stringContaining('none is connected') },
  })
  await bench.connect('a')
  const unknown = await bench.command('node.create', { node: { driver: 'ipmi' } })
  expect(unknown).toMatchObject({ ok: false, fault: { message: expect.stringContaining('they serve: fake-hardware') } })
})

test('abort while the agent is awaited: the state moves at once, the conductor is told, its late result changes nothing', async () => {
  const { peer, node } = await toAvailable()
  await provision(node, 'active')
  const task = peer.last('task')
  await bench.say(peer, {
    type: 'event',
    id: task.id,
    epoch: task.epoch,
    events: [{ n: 1, at: bench.now, step: 4, kind: 'waiting' }],
  })
  expect((await bench.node(node)).provision_state).toBe('wait call-back')
  expect((await provision(node, 'abort')).ok).toBe(true)
  expect(await bench.node(node)).toMatchObject({
    provision_state: 'deploy failed',
    last_error: expect.stringContaining('aborted'),
  })
  expect(peer.last('cancel')).toEqual({ type: 'cancel', id: task.id })
  expect(await provision(node, 'deleted'), 'the task has not ended yet').toMatchObject({
    ok: false,
    fault: { code: 'node.locked' },
  })
  await bench.say(peer, {
    type: 'result',
    id: task.id,
    epoch: task.epoch,
    outcome: { ok: false, fault: { code: 'task.cancelled', message: 'cancelled', hint: '' } },
  })
  expect(peer.last('settled').id).toBe(task.id)
  expect(await bench.node(node)).toMatchObject({ provision_state: 'deploy failed', task: null })
  expect((await provision(node, 'deleted')).ok).toBe(true)
})

test('undeploy while the agent is awaited: the tear-down follows the cancelled deployment', async () => {
  const { peer, node } = await toAvailable()
  await provision(node, 'active')
  const deploy = peer.last('task')
  await bench.say(peer, {
    type: 'event',
    id: deploy.id,
    epoch: deploy.epoch,
    events: [{ n: 1, at: bench.now, step: 4, kind: 'waiting' }],
  })
  expect((await provision(node, 'deleted')).ok).toBe(true)
  expect(peer.last('task').id).toBe(deploy.id)
  await bench.say(peer, {
    type: 'result',
    id: deploy.id,
    epoch: deploy.epoch,
    outcome: { ok: false, fault: { code: 'task.cancelled', message: 'cancelled', hint: '' } },
  })
  expect(peer.last('task')).toMatchObject({ kind: 'tear-down' })
  await bench.work(peer)
  expect((await bench.node(node)).provision_state).toBe('available')
})

test('nodes get the lowest free boot address; a pool that is set later reaches nodes and their conductor', async () => {
  await bench.sql.batch([{ sql: 'UPDATE sites SET pool = NULL', args: [] }])
  const peer = await bench.connect('a')
  const [first, second] = [await bench.newNode(), await bench.newNode()]
  expect(peer.grant(first)!.address).toBeNull()
  const pool = { cidr: '10.1.0.0/16', first: '10.1.0.9', last: '10.1.0.10', router: '10.1.0.1' }
  await bench.sql.batch([{ sql: 'UPDATE sites SET pool = ?', args: [JSON.stringify(pool)] }])
  await bench.command('site.refresh', { addresses: true })
  expect([peer.grant(first)!.address, peer.grant(second)!.address]).toEqual([
    { ip: '10.1.0.9', prefixLength: 16, router: '10.1.0.1' },
    { ip: '10.1.0.10', prefixLength: 16, router: '10.1.0.1' },
  ])
  const third = await bench.newNode()
  expect(peer.grant(third)!.address, 'the pool is empty').toBeNull()
  await bench.command('node.delete', { node: first })
  expect(peer.grant(await bench.newNode())!.address?.ip).toBe('10.1.0.9')
})
