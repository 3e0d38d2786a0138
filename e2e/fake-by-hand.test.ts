// Fake hardware that boots over the network: its power is kept in the log of a BMC that is not there, and somebody does by hand to a machine what that
// log says. Network boot, agent and disk are real.
import { join } from 'node:path'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { INSPECT_BY_AGENT, PLANS } from '../cloud/plans.ts'
import { fakeMachine } from '../site-conductor/drivers/fake/machine.ts'
import { startStory, type Story, type StoryOptions } from './story.ts'

const PXE = { valid: true, persistent: false, device: 1, efi: true }
const options: StoryOptions = { conductorConfig: { drivers: ['fake-hardware'] }, createNodes: false }
/** Loaded by nobody here: a conductor without one refuses to boot by `pxe`. */
const loaderGrub = import.meta.filename
const BOOTED = ['boot device pxe', 'power on']
/** Nothing is known of a machine at first. */
const FIRST = ['power off', ...BOOTED]
const TO_DISK = ['boot device disk', 'power off', 'power on']

async function createNode({ api, site, machine, reach }: Story, more: object): Promise<string> {
  const { uuid } = (await api.call('POST', '/nodes', {
    driver: 'fake-hardware',
    conductor_group: site.name,
    properties: { cpu_arch: 'x86_64', capabilities: 'boot_mode:uefi' },
    boot_interface: 'ipxe',
    deploy_interface: 'direct',
    ...more,
  })) as { uuid: string }
  await api.call('POST', '/ports', { node_uuid: uuid, address: machine.options.mac })
  await api.provision(uuid, 'manage')
  await reach('manageable', uuid)
  return uuid
}

/** Does to the story's machine what is done to that of the fake BMC, until it is let go of. */
function hand(story: Story, node: string): AsyncDisposable {
  return handBy(story, async () => fakeMachine(node).changes)
}

/** `asked`: all that was asked for so far. Whoever switches on has the machine try its network first, and then its disk. */
function handBy({ machine: { bmc } }: Story, asked: () => Promise<readonly unknown[]>): AsyncDisposable {
  const over = new AbortController()
  const work = async () => {
    for (let done = 0; !over.signal.aborted; await sleep(10)) {
      const all = await asked().catch(() => [])
      for (const change of all.slice(done)) {
        if (change === 'power on') bmc.chassis.setBoot(PXE)
        bmc.chassis.control(change === 'power on' ? 'on' : change === 'power off' ? 'off' : 'reset')
      }
      done = Math.max(done, all.length)
    }
  }
  const working = work()
  return {
    async [Symbol.asyncDispose]() {
      over.abort()
      await working
    },
  }
}

const finished = async ({ api }: Story, node: string) =>
  (await api.timeline(node)).filter(({ type }) => type === 'step.finished').map(({ step }) => step)
const named = (steps: readonly { interface: string; step: string }[]) =>
  steps.map((each) => `${each.interface}.${each.step}`)

test.concurrent('it is inspected, cleaned, deployed and rescued by its agent', async (context) => {
  await using story = await startStory(context, options)
  const { api, machine, reach, until } = story
  const node = await createNode(story, { inspect_interface: 'agent', rescue_interface: 'agent' })
  await using _ = hand(story, node)
  const { log } = fakeMachine(node)
  const stepsFrom = async (from: number) => (await finished(story, node)).slice(from)

  await api.provision(node, 'inspect')
  const found = await reach('manageable', node)
  expect(found).toMatchObject({ power_state: 'power off', properties: { memory_mb: 4096, local_gb: 7 } })
  expect(await stepsFrom(1)).toEqual(named(INSPECT_BY_AGENT))
  expect(log).toEqual([...FIRST, 'power off'])

  let [done, told] = [(await finished(story, node)).length, log.length]
  await api.provision(node, 'provide')
  await reach('available', node)
  expect(await stepsFrom(done)).toEqual(named(PLANS.clean))
  expect(log.slice(told)).toEqual([...BOOTED, 'power off'])

  ;[done, told] = [(await finished(story, node)).length, log.length]
  await api.patchNode(node, { instance_info: story.site.instanceInfo() })
  await api.provision(node, 'active', { configdrive: { meta_data: { hostname: 'by-hand' } } })
  await reach('active', node)
  await until('operating system', () => machine.console().includes('FERRULE-OS-UP host=by-hand'))
  expect(await stepsFrom(done)).toEqual(named(PLANS.deploy))
  expect(log.slice(told), 'nothing of it is written in memory').toEqual([...BOOTED, ...TO_DISK])

  told = log.length
  await api.provision(node, 'rescue', { rescue_password: 'open sesame' })
  await reach('rescue', node)
  expect(machine.transitions.at(-1)?.kind).toBe('ramdisk')
  expect(await readFile(join(machine.options.folder, 'root/etc/shadow'), 'utf8')).toMatch(/^rescue:\$6\$/m)
  await api.provision(node, 'unrescue')
  await reach('active', node)
  expect(log.slice(told)).toEqual(['power off', ...BOOTED, 'power off', 'boot device disk', 'power on'])
  await until('operating system', () => machine.transitions.at(-1)?.kind === 'os up')

  // A timeline hears of it in its own time.
  const asked = async () =>
    (await api.timeline(node)).filter(({ type }) => type === 'power.by_hand').map(({ body }) => body['wanted'])
  const { changes } = fakeMachine(node)
  await until('all that was asked for', async () => (await asked()).length === changes.length)
  expect(await asked()).toEqual(changes)
  const timeline = await api.timeline(node)
  expect(timeline.filter(({ type }) => type === 'agent.call')).toHaveLength(4)
  expect(timeline.map(({ type }) => type)).toContain('boot_device.by_hand')
})

test.concurrent('its agent makes a RAID of its disks, and an instance goes on that', async (context) => {
  await using story = await startStory(context, { ...options, moreDisks: 1, diskBytes: 16 * 2 ** 30 })
  const { api, machine, reach, until } = story
  const node = await createNode(story, { raid_interface: 'agent' })
  await using _ = hand(story, node)
  const disks = [{ size_gb: 'MAX', raid_level: '1', controller: 'software', is_root_volume: true }]
  await api.call('PUT', `/nodes/${node}/states/raid`, { logical_disks: disks })
  await api.provision(node, 'clean', { clean_steps: [{ interface: 'raid', step: 'create_configuration' }] })
  const made = await reach('manageable', node)
  expect(made).toMatchObject({
    raid_config: { logical_disks: [{ raid_level: '1', uuid: expect.any(String) as string }] },
  })
  expect(fakeMachine(node).log).toEqual([...FIRST, 'power off'])
  await api.provision(node, 'provide')
  await reach('available', node)
  await api.patchNode(node, { instance_info: story.site.instanceInfo() })
  await api.provision(node, 'active')
  await reach('active', node)
  await until('operating system', () => machine.transitions.at(-1)?.kind === 'os up')
  expect(machine.console()).toMatch(/root disk is \S+\/md0/)
})

test.concurrent('steps of an agent are chosen: done by it, or a line in the log where there is none', async (context) => {
  await using story = await startStory(context, options)
  const { api, reach } = story
  const clean_steps = [{ interface: 'deploy', step: 'clean_uefi_nvram' }]
  const real = await createNode(story, {})
  await using _ = hand(story, real)
  await api.provision(real, 'clean', { clean_steps })
  await reach('manageable', real)
  expect(fakeMachine(real).log).toEqual([...FIRST, 'power off'])
  expect((await api.timeline(real)).map(({ type }) => type)).toContain('clean_uefi_nvram.done')

  await api.patchNode(real, { boot_interface: 'fake' })
  await api.provision(real, 'clean', { clean_steps })
  await reach('manageable', real)
  expect(fakeMachine(real).log.slice(-2)).toEqual(['agent clean_uefi_nvram', 'power off'])
})

test.concurrent('a conductor that has been restarted before the machine was, boots it again', async (context) => {
  await using story = await startStory(context, options)
  const { api, reach, site, until } = story
  const node = await createNode(story, {})
  await api.provision(node, 'provide')
  await until('clean wait', async () => (await api.node(node)).provision_state === 'clean wait')
  await site.conductor.kill()
  await site.conductor.start()
  await until('another boot', async () => (await api.timeline(node)).some(({ type }) => type === 'boot.again'))
  await until('its start', () => fakeMachine(node).changes.length === 4)
  await using _ = hand(story, node)
  await reach('available', node)
  expect(fakeMachine(node).changes).toEqual(['power off', 'power on', 'power off', 'power on', 'power off'])
})

test.concurrent('a conductor that is killed in the middle of a write goes on, and knows no more of the power than it was told', async (context) => {
  await using story = await startStory(context, { ...options, conductor: 'process' })
  const { api, machine, reach, site, until } = story
  const node = await createNode(story, { automated_clean: false })
  const asked = async () =>
    (await api.timeline(node)).flatMap(({ type, body }) => (type === 'power.by_hand' ? [body['wanted']] : []))
  await using _ = handBy(story, asked)
  await api.provision(node, 'provide')
  await reach('available', node)
  await api.patchNode(node, { instance_info: site.instanceInfo() })
  const hold = site.images.hold('sim.raw', 4 * 2 ** 20)
  await api.provision(node, 'active')
  await until('the write', async () => (await api.timeline(node)).some(({ type }) => type === 'write_image'))
  expect(await asked()).toEqual(['power off', 'power on'])
  await site.conductor.kill()
  await site.conductor.start()
  hold.release()
  expect(await reach('active', node)).toMatchObject({ power_state: 'power on' })
  await until('operating system', () => machine.transitions.at(-1)?.kind === 'os up')
  expect(await asked()).toEqual(['power off', 'power on', 'power off', 'power on'])
  expect(machine.offToOn()).toBe(2)
})

test.concurrent.for(['pxe', 'http-ipxe', 'http'])(
  'boot interface %s awaits the machine',
  async (boot_interface, context) => {
    const conductorConfig = { ...options.conductorConfig, loaderGrub }
    await using story = await startStory(context, { ...options, conductorConfig })
    const { api, until } = story
    const node = await createNode(story, { boot_interface })
    await api.provision(node, 'provide')
    await until('a call for a person', async () =>
      (await api.timeline(node)).some(({ type, body }) => type === 'power.by_hand' && body['wanted'] === 'power on'),
    )
    expect(fakeMachine(node).log).toEqual(FIRST)
    await until('clean wait', async () => (await api.node(node)).provision_state === 'clean wait')
  },
)

test.concurrent('without a network boot the node says why no agent can do it', async (context) => {
  await using story = await startStory(context, {
    ...options,
    conductorConfig: { ...options.conductorConfig, loaderGrub },
  })
  const node = await createNode(story, { boot_interface: 'fake', inspect_interface: 'agent', raid_interface: 'agent' })
  const said = (await story.api.call('GET', `/nodes/${node}/validate`)) as Record<string, { reason?: string }>
  for (const kind of ['inspect', 'raid'])
    expect(said[kind], kind).toMatchObject({
      result: false,
      reason: expect.stringContaining('set boot_interface to ipxe') as string,
    })
  await story.api.provision(node, 'inspect')
  expect((await story.fail('inspect failed', node)).last_error).toContain('set boot_interface to ipxe')
})

test.concurrent('a storage that is fake is told of its volumes', async (context) => {
  await using story = await startStory(context, options)
  const { api, reach } = story
  const more = { boot_interface: 'fake', storage_interface: 'fake', automated_clean: false }
  const node = await createNode(story, { ...more, deploy_interface: 'fake' })
  const volume = { node_uuid: node, volume_type: 'iscsi', volume_id: 'v', boot_index: 0 }
  await api.call('POST', '/volume/targets', { properties: {}, ...volume })
  await api.provision(node, 'provide')
  await reach('available', node)
  await api.provision(node, 'active')
  await reach('active', node)
  expect(fakeMachine(node).log).toEqual([...BOOTED, 'volumes attached', 'image an image', ...TO_DISK])
  await api.provision(node, 'deleted')
  await reach('available', node)
  expect(fakeMachine(node).log.slice(-2)).toEqual(['power off', 'volumes detached'])
})

test.concurrent('vendor methods: a shared one while the node is locked, the others not', async (context) => {
  await using story = await startStory(context, options)
  const { api, until } = story
  const node = await createNode(story, { boot_interface: 'fake' })
  const call = (method: string, bar?: string) =>
    api.call('POST', `/nodes/${node}/vendor_passthru/${method}`, bar ? { bar } : {})
  const { log } = fakeMachine(node)
  expect(await api.call('GET', `/nodes/${node}/vendor_passthru/methods`)).toMatchObject({
    second_method: { async: true, require_exclusive_lock: true },
    third_method_sync: { async: false, require_exclusive_lock: true },
    fourth_method_shared_lock: { async: true, require_exclusive_lock: false },
  })
  await api.patchNode(node, { driver_info: { fake_delays: { power: 600_000 } } })
  await api.call('PUT', `/nodes/${node}/states/power`, { target: 'power on' })
  await until('the lock', async () => (await api.node(node)).reservation !== null)
  await call('fourth_method_shared_lock', 'woof')
  expect(log).toEqual(['vendor fourth_method_shared_lock'])
  for (const [method, bar] of [
    ['second_method', 'kazoo'],
    ['third_method_sync', 'meow'],
  ] as const)
    await expect(call(method, bar)).rejects.toMatchObject({ status: 409 })
  await expect(call('fourth_method_shared_lock')).rejects.toMatchObject({ status: 400 })
  expect(log).toHaveLength(1)
})

test.concurrent('vendor interface fake-a has the other example', async (context) => {
  await using story = await startStory(context, options)
  const { api, until } = story
  const node = await createNode(story, { boot_interface: 'fake', vendor_interface: 'fake-a' })
  const call = (body: object) => api.call('POST', `/nodes/${node}/vendor_passthru/first_method`, body)
  await expect(call({})).rejects.toMatchObject({ status: 400 })
  await call({ bar: 'baz' })
  await until('the vendor method', () => fakeMachine(node).log.includes('vendor first_method'))
})
