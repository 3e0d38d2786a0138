// Volumes that Cinder has (storage interface cinder): attached for the instance before its machine boots them, taken along by its power, given back when it has gone, also
// by a conductor that is killed in the middle. Cinder and Keystone are fakes on loopback (e2e/cinder compares the one with a real one), the machine boots from what they say.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, type TestContext } from 'vitest'
import { fakeKeystone } from '../site-conductor/openstack/fake-keystone.ts'
import { FakeCinder } from '../site-conductor/storage/fake-cinder.ts'
import { startStory, type Story, type StoryOptions } from './story.ts'

const ME = 'iqn.2026-01.org.example:sim-1'
const CHAP = { username: 'user-of-vol-1', password: 'canary of vol-1' }
const INSTANCE = '11111111-1111-4111-8111-111111111111'

interface Told extends Story {
  readonly cinder: FakeCinder
}

/** A story whose site has an OpenStack, and whose node is available with volume vol-1 to boot. */
async function startTold(context: TestContext, options: StoryOptions = {}): Promise<Told> {
  const stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'ferrule-volumes-'))
  stack.defer(() => rm(folder, { recursive: true }))
  const cinder = new FakeCinder()
  const keystone = await fakeKeystone({ volumev3: (request) => cinder.service(request) })
  stack.defer(() => keystone.close())
  const openstackFile = join(folder, 'openstack.json')
  const secretFile = join(folder, 'secret')
  await writeFile(secretFile, 'the password')
  const who = { authUrl: keystone.authUrl, username: 'ferrule', project: 'service', region: 'east', secretFile }
  await writeFile(openstackFile, JSON.stringify({ ...who, retries: 0 }))
  const story = await startStory(context, { ...options, conductorConfig: { openstackFile } })
  stack.use(story)
  const { api, node, site } = story
  const { storage } = site
  const target = { target_iqn: 'iqn.2010-10.org.openstack:vol-1', target_lun: 1 }
  cinder.add('vol-1', {
    driver_volume_type: 'iscsi',
    data: {
      ...{ ...target, target_portal: `${storage.host}:${storage.port}` },
      ...{ auth_method: 'CHAP', auth_username: CHAP.username, auth_password: CHAP.password },
    },
  })
  storage.volumes.push({ iqn: target.target_iqn, lun: 1, system: 'debian on vol-1', chap: CHAP, initiator: ME })
  await api.patchNode(node, {
    ...{ automated_clean: false, storage_interface: 'cinder', instance_uuid: INSTANCE },
    properties: { cpu_arch: 'x86_64', capabilities: 'boot_mode:uefi,iscsi_boot:True' },
  })
  await api.call('POST', '/volume/connectors', { node_uuid: node, type: 'iqn', connector_id: ME })
  await api.call('POST', '/volume/targets', {
    node_uuid: node,
    volume_type: 'iscsi',
    volume_id: 'vol-1',
    boot_index: 0,
  })
  await story.prepare()
  return Object.assign(story, { cinder, [Symbol.asyncDispose]: () => stack.disposeAsync() })
}

const vol = ({ cinder }: Told) => cinder.volumes.get('vol-1')!
const isUp = ({ machine, until }: Told, since = 0) =>
  until('instance', () => machine.transitions.slice(since).at(-1)?.kind === 'os up')
const ATTACH = ['metadata', 'reserve', 'initialize_connection', 'attach', 'metadata']
const DETACH = ['begin_detaching', 'terminate_connection', 'detach', 'metadata']

test('volumes are attached for the instance, follow its power, and are given back when it has gone', async (context) => {
  await using story = await startTold(context)
  const { api, node, machine, cinder, reach, until } = story
  await api.provision(node, 'active')
  await reach('active')
  await isUp(story)
  expect(machine.transitions.at(-1)!.detail).toBe('FERRULE-VOLUME-UP debian on vol-1')
  expect(vol(story)).toMatchObject({ status: 'in-use', attachments: [{ server_id: INSTANCE }] })
  const { targets } = (await api.call('GET', `/nodes/${node}/volume/targets?detail=True`)) as { targets: object[] }
  expect(targets).toMatchObject([
    { properties: { target_lun: 1, auth_username: CHAP.username, auth_password: '******', volume_id: 'vol-1' } },
  ])

  const power = async (target: string, after: string) => {
    await api.call('PUT', `/nodes/${node}/states/power`, { target })
    await until(after, async () => {
      const { power_state, target_power_state } = await api.node(node)
      return power_state === after && target_power_state === null
    })
  }
  await power('power off', 'power off')
  expect(vol(story)).toMatchObject({ status: 'available', attachments: [] })
  const since = machine.transitions.length
  await power('power on', 'power on')
  await isUp(story, since)
  expect(cinder.log).toEqual([...ATTACH, ...DETACH, ...ATTACH])

  await api.provision(node, 'deleted')
  await reach('available')
  expect(cinder.log.slice(14)).toEqual(DETACH)
  for (const text of [story.log.join('\n'), JSON.stringify(await api.timeline(node))])
    expect(text).not.toContain(CHAP.password)
})

test.for(['reserve', 'attach'])(
  'a conductor that is killed while Cinder carries out %s goes on when it is back, and nothing is done twice',
  async (action, context) => {
    await using story = await startTold(context, { conductor: 'process', patienceMs: 60_000 })
    const { api, node, site, cinder, reach, until } = story
    const { service } = cinder
    let isHeld = true
    // Cinder acts, and its answer never comes.
    const hold: FakeCinder['service'] = async (request) => {
      const answer = await service(request)
      return isHeld && cinder.log.at(-1) === action ? undefined : answer
    }
    Object.assign(cinder, { service: hold })
    await api.provision(node, 'active')
    await until(action, () => cinder.log.at(-1) === action)
    await site.conductor.kill()
    isHeld = false
    await site.conductor.start()
    await reach('active')
    await isUp(story)
    const once = ['reserve', 'attach']
    expect(cinder.log.filter((each) => once.includes(each))).toEqual(once)
    expect(vol(story)).toMatchObject({ status: 'in-use', attachments: [{ server_id: INSTANCE }] })
  },
)

test("a volume that is somebody else's fails the deployment before the machine is started, and its error says so", async (context) => {
  await using story = await startTold(context)
  const { api, node, machine, fail } = story
  vol(story).status = 'in-use'
  await api.provision(node, 'active')
  expect((await fail('deploy failed')).last_error).toMatch(/storage\.attach_volumes failed: .*the status is in-use/)
  expect(machine.transitions).toEqual([])
  expect(vol(story)).toMatchObject({ status: 'in-use', attachments: [] })
})

test('a Cinder that is away: a power-off is done all the same, a tear-down fails and can be asked for again', async (context) => {
  await using story = await startTold(context, { patienceMs: 60_000 })
  const { api, node, cinder, machine, reach, fail, until } = story
  await api.provision(node, 'active')
  await reach('active')
  await isUp(story)
  const { service } = cinder
  Object.assign(cinder, {
    service: () => ({ status: 500, body: { computeFault: { message: 'the database is away' } } }),
  })
  await api.call('PUT', `/nodes/${node}/states/power`, { target: 'power off' })
  await until('power off', async () => (await api.node(node)).target_power_state === null)
  expect(await api.node(node)).toMatchObject({ power_state: 'power off', last_error: null })
  expect(machine.transitions.at(-1)!.kind).toBe('power off')
  await until('line on the timeline', async () =>
    (await api.timeline(node)).some(({ type }) => type === 'volumes.stay'),
  )
  await api.provision(node, 'deleted')
  expect((await fail('error')).last_error).toMatch(/storage\.detach_volumes failed: .*the database is away/)
  Object.assign(cinder, { service })
  await api.provision(node, 'deleted')
  await reach('available')
  expect(vol(story)).toMatchObject({ status: 'available', attachments: [] })
})

test('without an OpenStack of the site the node is refused, and told what to configure', async (context) => {
  await using story = await startStory(context)
  const { api, node } = story
  await api.patchNode(node, {
    automated_clean: false,
    storage_interface: 'cinder',
    instance_info: story.site.instanceInfo(),
  })
  await story.prepare()
  await expect(api.provision(node, 'active')).rejects.toThrow(/knows no OpenStack/)
})
