// The storage interface `cinder` against a fake Cinder behind a fake Keystone: what it asks, what becomes of a node's volumes, and how it goes on where somebody began.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemEnv } from '../../shared/env.ts'
import { FaultError } from '../../shared/faults.ts'
import type { Grant } from '../../shared/protocol.ts'
import { FakeCinder } from './fake-cinder.ts'
import ipmi from '../drivers/ipmi.ts'
import { driverFacts } from '../driver-facts.ts'
import { fakeContext, type FakeContext } from '../testing/fake-context.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import { OpenStack } from '../openstack/client.ts'
import { OpenStackConfig } from '../openstack/config.ts'
import { fakeKeystone, type FakeKeystone } from '../openstack/fake-keystone.ts'
import { connectorOf } from './attachments.ts'
import { volumesToBoot } from './iscsi-volumes.ts'

const INSTANCE = '11111111-1111-4111-8111-111111111111'
const cinder = ipmi.interfaces.storage!['cinder']!
/** Pauses pass a thousand times as fast, limits do not. */
const quick = {
  ...systemEnv,
  setTimer: (ms: number, run: () => void) => systemEnv.setTimer(ms < 30_000 ? ms / 1000 : ms, run),
}

let folder: string
let fake: FakeCinder
let keystone: FakeKeystone
let openstack: OpenStack

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ferrule-cinder-'))
  await writeFile(join(folder, 'secret'), 'secret')
  fake = new FakeCinder()
  keystone = await fakeKeystone({ volumev3: (request) => fake.service(request) })
  const config = {
    authUrl: keystone.authUrl,
    username: 'u',
    project: 'p',
    region: 'east',
    secretFile: join(folder, 'secret'),
    retries: 0,
  }
  openstack = new OpenStack(quick, OpenStackConfig.parse(config))
})
afterEach(async () => {
  await openstack.close()
  await keystone.close()
  await rm(folder, { recursive: true })
})

const data = (volume: string) => ({
  ...{ target_iqn: `iqn.2010-10.org.openstack:${volume}`, target_portal: '10.0.0.9:3260', target_lun: 1 },
  ...{ auth_method: 'CHAP', auth_username: 'u', auth_password: `pw of ${volume}` },
})
const target = (volume: string, bootIndex = 0, properties = {}) => ({
  ...{ uuid: `t-${volume}`, type: 'iscsi', volumeId: volume, bootIndex, properties },
})
const IQN = { uuid: 'c', type: 'iqn', id: 'iqn.me' }
const grant = (targets: ReturnType<typeof target>[], more: Partial<Grant> = {}) =>
  fakeGrant('n', {
    driver: 'ipmi',
    driverInfo: { ipmi_address: '10.0.0.1' },
    properties: { capabilities: 'iscsi_boot:True' },
    interfaces: { boot: 'ipxe', deploy: 'direct', storage: 'cinder' },
    volumes: { targets, connectors: [IQN] },
    ...more,
  })
/** Of the volumes of that name, which Cinder has, unless it is to have none. */
async function contextOf(volumes: string[], context = {}, args = {}, exist = true): Promise<FakeContext> {
  if (exist) for (const id of volumes) fake.add(id, { driver_volume_type: 'iscsi', data: data(id) })
  const made = await fakeContext(ipmi, { node: grant(volumes.map((id, index) => target(id, index))), context, args })
  return Object.assign(made, { env: quick, site: { ...made.site, openstack } })
}
const attach = (context: FakeContext) => cinder.steps!['attach_volumes']!(context as never)
const detach = (context: FakeContext) => cinder.steps!['detach_volumes']!(context as never)
const volume = (id = 'a') => fake.volumes.get(id)!
const ATTACH = ['metadata', 'reserve', 'initialize_connection', 'attach', 'metadata']
const DETACH = ['begin_detaching', 'terminate_connection', 'detach', 'metadata']
const failure = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(FaultError)
  return (error as FaultError).fault
}

test("volumes are attached for the instance, and the way to them is the next step's and the node's, secrets sealed", async () => {
  const context = await contextOf(['a', 'b'], { instance_uuid: INSTANCE })
  const result = await attach(context)
  expect(fake.log).toEqual([...ATTACH, ...ATTACH])
  for (const id of ['a', 'b']) {
    expect(volume(id)).toMatchObject({ status: 'in-use', attachments: [{ server_id: INSTANCE }] })
    expect([...volume(id).connectors]).toEqual(['n'])
    expect(JSON.parse(volume(id).metadata['ironic_node_n']!)).toMatchObject({
      instance_uuid: INSTANCE,
      last_action: 'attached',
    })
  }
  expect(context.checks, 'each change is behind the last-moment check').toBe(10)
  const { volume_targets: told } = result!.facts as { volume_targets: Record<string, Record<string, unknown>> }
  expect(told['t-a']).toMatchObject({
    target_lun: 1,
    volume_id: 'a',
    auth_password: expect.stringMatching(/^sealed:/) as string,
  })
  expect(JSON.stringify([result, context.kept, context.notes])).not.toContain('pw of')
  const { volumes } = await volumesToBoot(context.node, 't-a', context.site, told).open()
  expect(volumes.map(({ chap }) => chap?.password)).toEqual(['pw of a', 'pw of b'])

  expect(await detach(context)).toMatchObject({ context: { attached_volumes: null } })
  expect(fake.log.slice(10)).toEqual([...DETACH, ...DETACH])
  expect(volume()).toMatchObject({ status: 'available', attachments: [] })
  await detach(context)
  expect(fake.log, 'twice is once').toHaveLength(18)
})

test('without an instance that others know, a volume is attached for the node', async () => {
  await attach(await contextOf(['a']))
  expect(volume().attachments).toMatchObject([{ server_id: 'n' }])
})

test.for(['reserve', 'initialize_connection', 'attach', 'metadata'])(
  'a conductor that goes on where another was ended at %s does what is left',
  async (last) => {
    const first = await contextOf(['a'])
    // Cinder acts, and nobody is there any more to hear of it.
    const service = fake.service
    let isOver = false
    const dying = Object.assign(new FakeCinder(), { volumes: fake.volumes, log: fake.log })
    fake = Object.assign(dying, {
      service: (request: Parameters<typeof service>[0]) => {
        const answer = service(request)
        isOver ||= fake.log.at(-1) === last
        return answer
      },
    })
    const before = () => {
      if (isOver) throw new FaultError('fenced', 'killed')
    }
    await attach(Object.assign(first, { before })).catch(() => {})
    expect(isOver).toBe(true)
    isOver = false
    const next = await contextOf(['a'], first.kept, {}, false)
    const result = await attach(next)
    expect(volume()).toMatchObject({ status: 'in-use', attachments: [{ server_id: 'n' }] })
    expect(result!.facts).toMatchObject({ volume_targets: { 't-a': { target_lun: 1 } } })
    expect(fake.log.filter((action) => action === 'attach')).toHaveLength(1)
    expect(fake.log.filter((action) => action === 'reserve')).toHaveLength(1)
  },
)

test.for(['begin_detaching', 'terminate_connection', 'detach'])(
  'a detachment that was ended at %s goes on',
  async (last) => {
    const context = await contextOf(['a'])
    await attach(context)
    let calls = 0
    const before = () => {
      if (fake.log.at(-1) === last && calls++ === 0) throw new FaultError('fenced', 'killed')
    }
    await detach(Object.assign(context, { before })).catch(() => {})
    await detach(context)
    expect(volume()).toMatchObject({ status: 'available', attachments: [] })
    expect([...volume().connectors]).toEqual([])
  },
)

test('a volume that cannot be had gives back those that could, and says why', async () => {
  const context = await contextOf(['a', 'b'])
  volume('b').status = 'in-use'
  expect(await failure(attach(context))).toMatchObject({
    code: 'openstack.refused',
    message: expect.stringContaining('Volume status must be available to reserve, but the status is in-use') as string,
  })
  expect(volume('a')).toMatchObject({ status: 'available', attachments: [] })
  expect(volume('b')).toMatchObject({ status: 'in-use', attachments: [] })
})

test.for(['..', '.', 'a/../b', '', 'a%2fb'])(
  'a volume_id %j, which is no id of Cinder, is asked for nowhere',
  async (id) => {
    const asked: string[] = []
    fake.answerWith = (action) => void asked.push(action)
    const context = await contextOf([id], {}, {}, false)
    expect(await failure(attach(context))).toMatchObject({
      code: 'openstack.refused',
      message: expect.stringContaining(`Cinder has no volume ${id}`) as string,
    })
    await detach(context)
    expect(asked).toEqual([])
  },
)

test('a volume that somebody else is attaching is not taken', async () => {
  const context = await contextOf(['a'])
  volume().status = 'attaching'
  expect((await failure(attach(context))).message).toContain('the status is attaching')
  expect(volume().status).toBe('attaching')
  expect(fake.log).toEqual(['reserve'])
})

/** Nobody answers but for what has been done until then: `after` is the last action that is carried out. */
function goneAfter(after: string): () => void {
  const { service } = fake
  let isGone = false
  Object.assign(fake, {
    service(request: Parameters<typeof service>[0]) {
      if (isGone) return { status: 503, body: { message: 'Service Unavailable' } }
      const answer = service(request)
      isGone = fake.log.at(-1) === after
      return answer
    },
  })
  return () => Object.assign(fake, { service })
}

test.for(['attach', 'detach'])(
  'a reservation of a task that failed while Cinder was away is found by the next one: %s',
  async (next) => {
    const back = goneAfter('reserve')
    expect((await failure(attach(await contextOf(['a'])))).code).toBe('openstack.unreachable')
    expect(volume().status).toBe('attaching')
    back()
    const later = await contextOf(['a'], {}, {}, false)
    await (next === 'attach' ? attach(later) : detach(later))
    expect(volume()).toMatchObject(
      next === 'attach'
        ? { status: 'in-use', attachments: [{ server_id: 'n' }] }
        : { status: 'available', attachments: [] },
    )
    expect(fake.log.filter((action) => action === 'reserve')).toHaveLength(1)
  },
)

test('a reservation that has been given back is not taken for one of this node when somebody else has the volume', async () => {
  fake.answerWith = (action) =>
    action === 'initialize_connection' ? { status: 500, body: { computeFault: { message: 'no back end' } } } : undefined
  await failure(attach(await contextOf(['a'])))
  expect(volume().status).toBe('available')
  volume().status = 'attaching'
  expect((await failure(attach(await contextOf(['a'], {}, {}, false)))).message).toContain('the status is attaching')
  await detach(await contextOf(['a'], {}, {}, false))
  expect(volume().status).toBe('attaching')
})

test('a volume that was attached for an instance is given back when the node is without it by now', async () => {
  await attach(await contextOf(['a'], { instance_uuid: INSTANCE }))
  await detach(await contextOf(['a'], {}, {}, false))
  expect(volume()).toMatchObject({ status: 'available', attachments: [] })
})

test('a reservation is given back when the way to the volume cannot be had', async () => {
  const context = await contextOf(['a'])
  fake.answerWith = (action) =>
    action === 'initialize_connection' ? { status: 500, body: { computeFault: { message: 'no back end' } } } : undefined
  expect((await failure(attach(context))).message).toContain('no back end')
  expect(volume().status).toBe('available')
})

test('what Nova has attached for the instance, with the way to it, is left as it is', async () => {
  fake
    .add('a', { driver_volume_type: 'iscsi', data: data('a') })
    .attachments.push({ server_id: INSTANCE, attachment_id: 'x' })
  const made = await fakeContext(ipmi, {
    node: grant([target('a', 0, data('a'))]),
    context: { instance_uuid: INSTANCE },
  })
  const result = await attach(Object.assign(made, { site: { ...made.site, openstack } }))
  expect(fake.log).toEqual([])
  expect(result!.facts).toEqual({ volume_targets: {} })
})

test('a back end whose volumes are reached in another way than the target says is an error', async () => {
  const context = await contextOf(['a'])
  fake.add('a', { driver_volume_type: 'rbd', data: {} })
  expect((await failure(attach(context))).message).toContain('is reached by rbd, not by iscsi')
  expect(volume().status).toBe('available')
  expect((await failure(attach(await contextOf(['gone'], {}, {}, false)))).message).toContain(
    'Cinder has no volume gone',
  )
})

test('a detachment is tried again; for a power-off once, and its failure is no failure', async () => {
  const context = await contextOf(['a'])
  await attach(context)
  let refusals = 0
  const refuse = (times: number) => {
    const answer = (action: string) => {
      if (action !== 'terminate_connection' || refusals === times) return undefined
      refusals++
      queueMicrotask(() => (fake.answerWith = answer))
      return { status: 500, body: { computeFault: { message: 'busy' } } }
    }
    fake.answerWith = answer
  }
  refuse(2)
  await detach(context)
  expect([refusals, volume().status]).toEqual([2, 'available'])

  await attach(context)
  refusals = 0
  refuse(9)
  expect((await failure(detach(context))).message).toContain('busy')
  expect(refusals).toBe(4)
  refusals = 0
  const forgiving = await contextOf(['a'], context.kept, { required: false }, false)
  await detach(forgiving)
  expect(refusals).toBe(1)
  expect(forgiving.notes).toMatchObject([
    { stage: 'volumes.stay', body: { why: expect.stringContaining('busy') as string } },
  ])
})

test('by its connectors a node is known to the storage system', () => {
  const connectors = [
    IQN,
    ...['ip', 'wwpn', 'wwnn', 'wwpn', 'mac'].map((type, i) => ({ uuid: `${i}`, type, id: `${type}-${i}` })),
  ]
  expect(connectorOf({ node: 'n', volumes: { targets: [], connectors } })).toEqual({
    ...{ host: 'n', initiator: 'iqn.me', ip: 'ip-0', wwpns: ['wwpn-1', 'wwpn-3'], wwnns: ['wwnn-2'], multipath: true },
  })
  expect(connectorOf({ node: 'n', volumes: { targets: [], connectors: [IQN] } })).toEqual({
    host: 'n',
    initiator: 'iqn.me',
  })
})

test('validation says all that keeps a node from its volumes', async () => {
  const said = async (node: Grant, has = true) => {
    const made = await fakeContext(ipmi, { node })
    const context = Object.assign(made, { site: { ...made.site, ...(has && { openstack }) } })
    try {
      await cinder.validate!(context as never, {})
      return undefined
    } catch (error) {
      return (error as Error).message
    }
  }
  expect(await said(grant([target('a')]))).toBeUndefined()
  expect(await said(grant([]), false)).toContain('knows no OpenStack')
  const odd = { ...target('b', 1), type: 'rbd' }
  const fc = { ...target('c', 2), type: 'fibre_channel' }
  const connectors = [{ uuid: 'w', type: 'wwnn', id: '5' }]
  const all = await said(
    grant([], {
      properties: {},
      interfaces: { ...grant([]).interfaces, boot: 'pxe' },
      volumes: { targets: [target('a'), odd, fc], connectors },
    }),
  )
  for (const part of [
    'POST /v1/volume/connectors with type iqn',
    'it has 1 and 0',
    'volume target t-b is of type rbd: it must be iscsi or fibre_channel',
    'volume target t-c is of type fibre_channel, and the node has no connector of type wwpn',
    'add iscsi_boot:True to properties/capabilities',
    'boot interface pxe boots no volumes',
  ])
    expect(all).toContain(part)
  expect(driverFacts(ipmi).storages).toMatchObject({ cinder: { boots: true, attaches: true } })
})
