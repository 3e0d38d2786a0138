// A whole deployment without hardware: the conductor, the agent API over TLS, the real agent writing a file as its disk, and restarts of
// the conductor in between. Only DHCP, firmware and kernel are missing: a machine that is switched on reads the boot ticket itself.
import { randomBytes } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test, vi } from 'vitest'
import { Locked } from '../../agent/start.ts'
import { diskBytes, MIB, sha256 } from '../../agent/testing.ts'
import { BOOT_RAMDISK, PLANS } from '../../cloud/plans.ts'
import { seal } from '../../shared/sealing.ts'
import { Agents } from '../agents/agents.ts'
import { fakeMachine } from '../drivers/fake/machine.ts'
import {
  boot,
  boots,
  commandsDone,
  conductor,
  disk,
  give,
  hub,
  image,
  imageRequests,
  instance,
  knobs,
  loseAgent,
  machine,
  node,
  site,
  stages,
  startAgain,
  stop,
  tickets,
  written,
  agent,
} from './testdata/direct-rack.ts'

test('an image and a config drive are on the disk, the machine boots from it, and nothing is left open', async () => {
  const content = JSON.stringify({ meta_data: { key: 'value' }, user_data: '#!/bin/sh\n' })
  const sealedFor = { organisation: 'o', site: 's', node, field: 'instance_info.configdrive' }
  hub.blobs.set('drive', await seal(site.siteKey.publicKey, sealedFor, content))
  give(instance({ configdrive: 'blob:drive' }))
  const { outcome } = await hub.next('result')
  expect(outcome).toEqual({ ok: true })
  const written = await diskBytes(disk)
  expect(sha256(written.subarray(0x200, image.length))).toBe(sha256(image.subarray(0x200)))
  expect(written.includes('config-2') || written.includes(Buffer.from('config-2', 'utf16le').swap16())).toBe(true)
  expect(machine.did).toContain('sync')
  expect(fakeMachine(node)).toMatchObject({ power: 'power on', bootDevice: { boot_device: 'disk', persistent: true } })
  expect(boots).toBe(1)
  expect(tickets.size).toBe(0)
  expect(stages()).toEqual(expect.arrayContaining(['agent.lookup', 'agent.call']))
})

const told = (key: string) =>
  hub.all('event').flatMap(({ events }) =>
    events.flatMap(({ step, facts }) => {
      const { [key]: value } = (facts?.['driver_internal_info'] ?? {}) as Record<string, unknown>
      return value === undefined ? [] : [[step, value] as const]
    }),
  )

test('the node is told of its agent with events: what it is, its steps, and when it called last', async () => {
  give(instance())
  await hub.next('result')
  expect(told('agent_version')).toEqual([[4, expect.stringMatching(/\d/)]])
  expect(told('agent_url')).toEqual([[4, expect.stringMatching(/^https:/)]])
  expect(told('hardware_manager_version')).toEqual([[4, { ferrule_hardware_manager: '1' }]])
  const [[, steps]] = told('agent_cached_deploy_steps') as [[number, Record<string, unknown[]>]]
  expect(Object.keys(steps)).toEqual(['deploy', 'raid'])
  expect(steps['deploy']).toContainEqual(
    expect.objectContaining({ interface: 'deploy', step: 'write_image', priority: 0, requires_ramdisk: true }),
  )
  expect(told('agent_cached_deploy_steps_refreshed')).toEqual([[4, expect.stringMatching(/^\d{4}-.*T.*[^Z]$/)]])
  // From its first call to the end of its ramdisk, each step that has ended.
  expect(told('agent_last_heartbeat').map(([step]) => step)).toEqual([4, 5, 6, 7, 8, 9])
})

test('work that has no steps of an agent asks for none', async () => {
  hub.give({ id: 't', node, steps: [...BOOT_RAMDISK], context: { instance_info: {} }, kind: 'rescue' })
  expect((await hub.next('result')).outcome).toEqual({ ok: true })
  expect(told('agent_version')).toHaveLength(1)
  expect(told('agent_cached_clean_steps')).toEqual([])
})

test('an agent that does not say which steps it has is no failure, and the timeline says so', async () => {
  const steps = BOOT_RAMDISK.filter(({ step }) => step === 'wait_agent')
  const known = { agent_url: 'https://127.0.0.1:1', agent_version: '9', agent_token: 't', agent_certificate: 'none' }
  hub.give({ id: 't', node, steps, context: { instance_info: {}, ...known }, kind: 'clean' })
  expect((await hub.next('result')).outcome).toEqual({ ok: true })
  expect(told('agent_version')).toEqual([[0, '9']])
  expect(told('agent_cached_clean_steps')).toEqual([])
  await hub.until(() => stages().includes('agent.steps_unknown'))
})

/** A cleaning that leaves its agent; answers what the hub knows of it afterwards. */
async function agentLeft(): Promise<Record<string, unknown>> {
  hub.give({ id: crypto.randomUUID(), node, steps: [...BOOT_RAMDISK], context: { instance_info: {} }, kind: 'clean' })
  expect((await hub.next('result')).outcome).toEqual({ ok: true })
  const known = Object.assign({}, ...hub.all('event').flatMap(({ events }) => events.map(({ context }) => context)))
  hub.frames.length = 0
  return Object.fromEntries(Object.entries(known as object).filter(([, value]) => value !== null))
}

test('an agent that a cleaning has left writes the image: the machine is booted once', async () => {
  const known = await agentLeft()
  const before = [...fakeMachine(node).changes]
  const context = { ...known, ...instance(), fast_track: true }
  hub.give({ id: crypto.randomUUID(), node, steps: [...PLANS.deploy], context, doneSteps: BOOT_RAMDISK.length })
  expect((await hub.next('result')).outcome).toEqual({ ok: true })
  expect(boots).toBe(1)
  expect(fakeMachine(node).changes.slice(before.length), 'the power between the two').toEqual(['power off', 'power on'])
  expect(await written()).toBe(sha256(image.subarray(0x200)))
})

test('an agent that is gone by then is booted again, and the timeline says why', async () => {
  const known = await agentLeft()
  await agent?.close()
  loseAgent()
  const context = { ...known, ...instance(), fast_track: true }
  hub.give({ id: crypto.randomUUID(), node, steps: [...PLANS.deploy], context, doneSteps: BOOT_RAMDISK.length })
  expect((await hub.next('result')).outcome).toEqual({ ok: true })
  expect(boots).toBe(2)
  expect(stages()).toContain('boot.again')
})

test('no frame and no journal holds the token of the boot or of the agent', async () => {
  const secrets: string[] = []
  const admit = tickets.set.bind(tickets)
  tickets.set = (name, ticket) => (secrets.push(ticket.token), admit(name, ticket))
  give(instance())
  await hub.next('result')
  const frames = JSON.stringify(hub.frames)
  expect(secrets).toHaveLength(1)
  expect(frames).not.toContain(secrets[0])
  const tokens = hub.all('event').flatMap(({ events }) => events.map(({ context }) => context?.['agent_token']))
  expect(tokens.filter((token) => typeof token === 'string')).toEqual([expect.stringMatching(/^sealed:1:/)])
})

test('a wrong digest ends the task with image.digest at its step', async () => {
  give(instance({ image_os_hash_value: '0'.repeat(64) }))
  const { outcome } = await hub.next('result')
  expect(outcome).toMatchObject({ ok: false, step: 5, fault: { code: 'image.digest' } })
})

const logged = async () => await readdir(join(site.dataDir, 'deploy-logs')).catch(() => [])
const loggedNote = () => hub.all('notes').flatMap(({ notes }) => notes.filter(({ stage }) => stage === 'agent.logs'))[0]

test('what the agent of a failed deployment has to say is kept at the site, and the timeline says where', async () => {
  const instanceId = crypto.randomUUID()
  give({ ...instance({ image_os_hash_value: '0'.repeat(64) }), instance_uuid: instanceId })
  await hub.next('result')
  const [name, ...others] = await logged()
  expect(others).toEqual([])
  expect(name).toMatch(new RegExp(`^${node}_.*${instanceId}_\\d{4}(-\\d\\d){5}\\.tar\\.gz$`))
  const file = join(site.dataDir, 'deploy-logs', name!)
  await hub.until(() => loggedNote() !== undefined)
  expect(loggedNote()?.body).toEqual({ file, bytes: (await stat(file)).size })
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(gunzipSync(await readFile(file)).toString('latin1')).toContain('a line')
})

test.each([
  ['on_failure', 0],
  ['always', 1],
  ['never', 0],
] as const)('of a deployment that went well logs are kept if that is wanted (%s)', async (collect, count) => {
  await conductor.close()
  await startAgain({ deployLogsCollect: collect })
  give(instance())
  await hub.until(() => hub.all('result').length === 1)
  expect(await logged()).toHaveLength(count)
})

test('nobody looks at a failure where no logs are wanted', async () => {
  await conductor.close()
  await startAgain({ deployLogsCollect: 'never' })
  give(instance({ image_os_hash_value: '0'.repeat(64) }))
  await hub.next('result')
  expect(await logged()).toEqual([])
})

test.each([
  ['a file of the conductor', { image_source: 'file:///etc/shadow' }, 'request.invalid'],
  ['no digest', { image_os_hash_value: undefined }, 'image.digest'],
  ['a format that nobody writes', { image_disk_format: 'vmdk' }, 'image.format'],
])('%s is refused before the agent hears of it', async (_, more, code) => {
  give(instance(more))
  const { outcome } = await hub.next('result')
  expect(outcome).toMatchObject({ ok: false, step: 5, fault: { code } })
  expect((await diskBytes(disk)).subarray(0, MIB).every((byte) => byte === 0)).toBe(true)
})

test('a conductor that restarts while the agent writes picks the write up', async () => {
  const release = Promise.withResolvers<void>()
  knobs.held = release.promise
  give(instance())
  await hub.until(() => imageRequests > 0)
  await conductor.close()
  await startAgain()
  await hub.until(() => hub.all('hello').length === 2)
  release.resolve()
  const { outcome } = await hub.next('result')
  expect(outcome).toEqual({ ok: true })
  expect(boots).toBe(1)
  expect(await hub.until(() => stages().includes('write_image.resumed'))).toBe(true)
  expect(await written()).toBe(sha256(image.subarray(0x200)))
})

test.each([
  ['loses its power', 'the machine has lost its power', async () => void (fakeMachine(node).power = 'power off')],
  // The second agent is told nothing that would let it act.
  ['starts again', 'the machine has started again', () => expect(boot()).rejects.toBeInstanceOf(Locked)],
])('a machine that %s in the middle of the write fails the deployment, which says so', async (_, why, happen) => {
  const release = Promise.withResolvers<void>()
  knobs.held = release.promise
  give(instance())
  await hub.until(() => imageRequests > 0)
  await agent?.close()
  loseAgent()
  const happened = happen()
  const { outcome } = await hub.next('result')
  expect(outcome).toMatchObject({
    ok: false,
    step: 5,
    fault: { code: 'agent.lost', message: expect.stringContaining(why) as string },
  })
  release.resolve()
  await happened
})

test.each([
  // What it has accepted is at the hub, and the agent's next heartbeat, half a minute later, is not waited for.
  ['accepted the first heartbeat', true],
  ['let the machine have its script', false],
])('a conductor that restarts without its journal after it %s knows the machine', async (_, hasCalled) => {
  hub.behaviour.onMessage = (message) => message.type === 'intent' && message.step === 4
  const up = Promise.withResolvers<void>()
  if (!hasCalled) knobs.ramdiskUp = up.promise
  const id = give(instance())
  const known = hasCalled ? 'agent_url' : 'boot_script_fetched'
  await hub.until(() => hub.tasks.get(id)?.context[known] !== undefined)
  await hub.next('intent', ({ step }) => step === 4)
  await conductor.close()
  await writeFile(join(site.dataDir, 'journal'), randomBytes(100))
  hub.behaviour = {}
  await startAgain()
  if (!hasCalled) await hub.until(() => hub.all('intent').filter(({ step }) => step === 4).length === 2)
  up.resolve()
  const { outcome } = await hub.next('result')
  expect(outcome).toEqual({ ok: true })
  expect(boots).toBe(1)
  expect(commandsDone().filter((step) => step === 3)).toHaveLength(1)
})

test('a machine that starts again before its agent has called is not waited for', async () => {
  let asked: Promise<unknown> | undefined
  const call = Agents.prototype.heard
  // The first agent has its token and gets no further; the second one is locked.
  Agents.prototype.heard = async () => await new Promise(() => {})
  stop.defer(() => void (Agents.prototype.heard = call))
  hub.behaviour.onMessage = (message) => {
    if (message.type !== 'notes' || !message.notes.some(({ stage }) => stage === 'agent.lookup')) return
    loseAgent()
    asked ??= boot().catch((error: unknown) => error)
  }
  give(instance())
  const { outcome } = await hub.next('result')
  expect(outcome).toMatchObject({
    ok: false,
    step: 4,
    fault: { code: 'agent.no_call', message: expect.stringContaining('started again') as string },
  })
  expect(await asked).toBeInstanceOf(Locked)
})

/** The plan of a deployment whose agent is awaited so long, in seconds. */
const awaiting = (args: { callback_timeout: number; boot_retry?: number }) =>
  PLANS.deploy.map((step) => (step.step === 'wait_agent' ? { ...step, args } : step))
const begun = () =>
  hub.all('event').flatMap(({ events }) => events.filter(({ kind }) => kind === 'started').map(({ step }) => step))

test('a boot that stays silent begins again where the plan says so', async () => {
  knobs.ramdiskUp = new Promise(() => {})
  hub.give({ id: 't', node, steps: awaiting({ callback_timeout: 60, boot_retry: 1 }), context: instance() })
  await vi.waitFor(() => expect(boots).toBe(1))
  knobs.ramdiskUp = undefined
  expect((await hub.next('result')).outcome).toEqual({ ok: true })
  expect(boots).toBe(2)
  expect(begun().slice(0, 10)).toEqual([0, 1, 2, 3, 4, 0, 1, 2, 3, 4])
  expect(stages()).toContain('boot.again')
  expect(await written()).toBe(sha256(image.subarray(0x200)))
})

test('what was waited for counts until the whole time is over', async () => {
  knobs.ramdiskUp = new Promise(() => {})
  hub.give({ id: 't', node, steps: awaiting({ callback_timeout: 2, boot_retry: 1 }), context: instance() })
  const { outcome } = await hub.next('result')
  expect(outcome).toMatchObject({ ok: false, step: 4, fault: { code: 'agent.no_call' } })
  expect(outcome).toMatchObject({ fault: { message: expect.stringContaining('no agent called within 2 s') as string } })
  expect(boots).toBe(2)
})

test('what the agent could not flush to the disk is no deployment', async () => {
  machine.sync = () => Promise.reject(new Error('EIO'))
  give(instance())
  const { outcome } = await hub.next('result')
  expect(outcome).toMatchObject({ ok: false, fault: { code: 'disk.io' } })
})
