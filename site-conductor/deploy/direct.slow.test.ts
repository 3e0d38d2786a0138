// A whole deployment without hardware: the conductor, the agent API over TLS, the real agent writing a file as its disk, and restarts of
// the conductor in between. Only DHCP, firmware and kernel are missing: a machine that is switched on reads the boot ticket itself.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Agent, Locked, startAgent } from '../../agent/start.ts'
import {
  diskBytes,
  fakeMachine as agentMachine,
  fileDisk,
  MIB,
  noise,
  serveBytes,
  serveHttp,
  sha256,
  temporaryFolder,
} from '../../agent/testing.ts'
import { BOOT_RAMDISK, PLANS } from '../../cloud/plans.ts'
import { seal } from '../../shared/sealing.ts'
import { silent } from '../log.ts'
import { startAgentApi } from '../agent-api.ts'
import { Agents } from '../agents.ts'
import type { BootTicket } from '../boot/ticket.ts'
import type { RunningConductor, Services } from '../conductor.ts'
import { defineDriver, type Driver, type Implementation } from '../driver.ts'
import fakeHardware from '../drivers/fake-hardware.ts'
import { fakeMachine } from '../drivers/fake/machine.ts'
import { fakeGrant, type FakeHub } from '../fake-hub.ts'
import { type FakeSite, fakeSite } from '../fake-site.ts'
import { certificateDigest, type CertificateAndKey, issueServer, newSiteCa } from '../site-ca.ts'
import { directDeploy } from './direct.ts'
import { ramdiskBoot } from './ramdisk-boot.ts'

const MAC = '52:54:00:aa:bb:01'
let node: string
let site: FakeSite
let hub: FakeHub
let ca: CertificateAndKey
let tickets: Map<string, BootTicket>
let stop: AsyncDisposableStack
let agent: Agent | undefined
let boots: number
let image: Buffer
let imageUrl: string
let disk: Awaited<ReturnType<typeof fileDisk>>
let machine: ReturnType<typeof agentMachine>
let conductor: RunningConductor
/** Set: the image server keeps everybody waiting; so do conductors. */
let held: Promise<void> | undefined
let heldHere: Promise<void> | undefined
let imageRequests = 0
let localRequests = 0
/** Set: conductors serve files at this port. */
let filePort: number | undefined

/** Set: the ramdisk takes so long from its boot script to its agent. */
let ramdiskUp: Promise<void> | undefined
let scriptSent: () => void

async function boot(): Promise<void> {
  const ticket = tickets.get(node)
  if (ticket?.ramdisk === undefined || agent !== undefined) return
  boots++
  // Of a second start only the agent's question is heard: what was loaded tells earlier, see agents.test.ts.
  if (boots === 1) scriptSent()
  await ramdiskUp
  const commandLine = `${ticket.ramdisk.kernelArguments} BOOTIF=${MAC} ipa-listen-port=0`
  agent = await startAgent({ commandLine, machine, log: () => {}, address: '127.0.0.1' })
}

/** The fake driver's machine, with a ramdisk that really runs. */
function rackDriver(): Driver {
  const power = fakeHardware.interfaces.power['fake']!
  const wrapped: Implementation = {
    ...power,
    steps: {
      ...power.steps,
      async power_on(context) {
        const wasOff = fakeMachine(node).power === 'power off'
        const result = await power.steps!['power_on']!(context)
        if (wasOff) void boot()
        return result
      },
      async power_off(context) {
        await agent?.close()
        agent = undefined
        return await power.steps!['power_off']!(context)
      },
    },
  }
  const setBootDevice = async (_: unknown, args: { boot_device: string; persistent: boolean }) => {
    fakeMachine(node).bootDevice = args
  }
  return defineDriver({
    name: 'rack',
    about: 'a test',
    info: fakeHardware.info,
    secrets: [],
    interfaces: {
      power: { fake: wrapped as never },
      management: fakeHardware.interfaces.management as never,
      boot: { ipxe: ramdiskBoot() },
      deploy: { direct: directDeploy({ setBootDevice, getPowerState: async () => fakeMachine(node).power }) },
    },
  })
}

function services(): Services {
  return {
    drivers: new Map([['rack', rackDriver()]]),
    async boot(agents, onStage) {
      scriptSent = () => onStage({ node, stage: 'ipxe-script', at: Date.now(), outcome: 'complete' })
      const own = await issueServer(ca, ['127.0.0.1'], new Date())
      const now = () => performance.now()
      const api = await startAgentApi({
        agents,
        log: silent,
        chain: own.certificate,
        key: own.privateKey,
        ca: ca.certificate,
        host: '127.0.0.1',
        port: apiPort,
        now,
      })
      apiPort = api.port
      const files = await fileServer()
      return {
        site: {
          door: {
            admit: (ticket) => void tickets.set(ticket.node, ticket),
            admitInstance: () => {},
            dhcpOptions: () => [],
            withdraw: (name) => void tickets.delete(name),
            ...files.door,
          },
          ramdisk: { kernel: '/kernel', initrd: '/initrd' },
          files: { get: async ({ name }) => `/${name}` },
          isos: { get: async () => ({ path: '/boot.iso', configAtByte: 0 }) },
          httpUrlFor: () => 'http://127.0.0.1',
          kernelArguments: 'console=ttyS0',
          agentApiUrl: `https://127.0.0.1:${api.port}`,
          caSha256: certificateDigest(ca.certificate),
        },
        close: async () => {
          await Promise.all([api.close(), files.close()])
        },
      }
    },
  }
}
let apiPort = 0

/** serveFile and withdrawFile of boot services, whose answers can be held back. */
async function fileServer() {
  const served = new Map<string, string>()
  const server = createServer((request, response) => {
    localRequests++
    void Promise.resolve(heldHere).then(() => {
      const path = served.get(request.url!)
      if (path !== undefined) return serveBytes(readFileSync(path))(request, response)
      return response.writeHead(404).end()
    })
  })
  server.listen(filePort ?? 0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  filePort = port
  const origin = `http://127.0.0.1:${port}`
  return {
    door: {
      serveFile(path: string, _: unknown, earlier?: string) {
        const url = earlier?.startsWith(`${origin}/`) ? earlier : `${origin}/${crypto.randomUUID()}`
        served.set(url.slice(origin.length), path)
        return url
      },
      withdrawFile: (url: string) => void served.delete(url.slice(origin.length)),
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

beforeEach(async () => {
  stop = new AsyncDisposableStack()
  site = await fakeSite({ fetchNetworks: ['127.0.0.0/8'] })
  stop.defer(() => site.close())
  stop.defer(() => agent?.close())
  ;({ hub } = site)
  node = crypto.randomUUID()
  ca = await newSiteCa(new Date())
  tickets = new Map()
  agent = undefined
  boots = 0
  apiPort = 0
  held = heldHere = ramdiskUp = undefined
  imageRequests = localRequests = 0
  filePort = undefined
  const folder = stop.use(await temporaryFolder())
  disk = await fileDisk(folder.path, 'sda', 80 * MIB)
  const nic = join(folder.path, 'sys/class/net/eth0')
  await mkdir(join(nic, 'device'), { recursive: true })
  await writeFile(join(nic, 'address'), MAC)
  machine = agentMachine([disk], { root: folder.path })
  image = noise(3 * MIB)
  // A master boot record with one partition: what a config drive needs to find its place.
  image.fill(0, 0, 64 * 1024)
  image.set([0x80, 0, 0, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 8, 0, 0], 446)
  image.set([0x55, 0xaa], 510)
  const serve = serveBytes(image)
  const server = await serveHttp((request, response) => {
    imageRequests++
    void Promise.resolve(held).then(() => serve(request, response))
  })
  stop.use(server)
  imageUrl = `${server.url}/image.raw`
  hub.grants.set(
    node,
    fakeGrant(node, {
      driver: 'rack',
      properties: { root_device: { rotational: false } },
      ports: [{ uuid: 'p', address: MAC, pxeEnabled: true }],
    }),
  )
  conductor = await site.start(services())
  await hub.next('hello')
})
afterEach(async () => {
  await stop.disposeAsync()
})

const instance = (more: Record<string, unknown> = {}) => ({
  instance_info: {
    image_source: imageUrl,
    image_os_hash_algo: 'sha256',
    image_os_hash_value: sha256(image),
    image_disk_format: 'raw',
    ...more,
  },
})
function give(context: Record<string, unknown>): string {
  const id = crypto.randomUUID()
  hub.give({ id, node, steps: [...PLANS.deploy], context })
  return id
}
const stages = () => hub.all('notes').flatMap(({ notes }) => notes.map(({ stage }) => stage))
const commandsDone = () =>
  hub.all('event').flatMap(({ events }) => events.filter(({ kind }) => kind === 'finished').map(({ step }) => step))

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
  agent = undefined
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
  held = release.promise
  give(instance())
  await hub.until(() => imageRequests > 0)
  await conductor.close()
  conductor = await site.start(services())
  await hub.until(() => hub.all('hello').length === 2)
  release.resolve()
  const { outcome } = await hub.next('result')
  expect(outcome).toEqual({ ok: true })
  expect(boots).toBe(1)
  expect(await hub.until(() => stages().includes('write_image.resumed'))).toBe(true)
  expect(await written()).toBe(sha256(image.subarray(0x200)))
})

const written = async () => sha256((await diskBytes(disk)).subarray(0x200, image.length))

test('image_download_source local: the conductor fetches and keeps the image, agents have it from there while they write', async () => {
  give(instance({ image_download_source: 'local' }))
  expect((await hub.next('result')).outcome).toEqual({ ok: true })
  expect([imageRequests, localRequests]).toEqual([1, 1])
  expect(await written()).toBe(sha256(image.subarray(0x200)))
  const kept = hub.all('event').flatMap(({ events }) => events.map(({ context }) => context?.['image_url']))
  expect(kept.filter((url) => url !== undefined)).toEqual([null, expect.stringMatching(/^sealed:1:/), null])
  hub.frames.length = 0
  give(instance({ image_download_source: 'local' }))
  expect((await hub.next('result')).outcome).toEqual({ ok: true })
  expect([imageRequests, localRequests]).toEqual([1, 2])
})

test('an image that is not what it should be reaches no agent', async () => {
  give(instance({ image_download_source: 'local', image_os_hash_value: '0'.repeat(64) }))
  expect((await hub.next('result')).outcome).toMatchObject({ ok: false, step: 5, fault: { code: 'image.digest' } })
  expect(localRequests).toBe(0)
})

test.each([
  ['starts again, the agent goes on where it was', true],
  ['is replaced by another, the agent begins anew with that', false],
])('a conductor whose image an agent is writing %s', async (_, isSame) => {
  const release = Promise.withResolvers<void>()
  heldHere = release.promise
  give(instance({ image_download_source: 'local' }))
  await hub.until(() => localRequests > 0)
  await conductor.close()
  if (!isSame) filePort = undefined
  conductor = await site.start(services())
  await hub.until(() => hub.all('hello').length === 2)
  await hub.until(() => localRequests > 1)
  release.resolve()
  expect((await hub.next('result')).outcome).toEqual({ ok: true })
  expect(boots).toBe(1)
  expect(stages().includes('write_image.resumed')).toBe(isSame)
  expect(await written()).toBe(sha256(image.subarray(0x200)))
})

test.each([
  ['loses its power', 'the machine has lost its power', async () => void (fakeMachine(node).power = 'power off')],
  // The second agent is told nothing that would let it act.
  ['starts again', 'the machine has started again', () => expect(boot()).rejects.toBeInstanceOf(Locked)],
])('a machine that %s in the middle of the write fails the deployment, which says so', async (_, why, happen) => {
  const release = Promise.withResolvers<void>()
  held = release.promise
  give(instance())
  await hub.until(() => imageRequests > 0)
  await agent?.close()
  agent = undefined
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
  if (!hasCalled) ramdiskUp = up.promise
  const id = give(instance())
  const known = hasCalled ? 'agent_url' : 'boot_script_fetched'
  await hub.until(() => hub.tasks.get(id)?.context[known] !== undefined)
  await hub.next('intent', ({ step }) => step === 4)
  await conductor.close()
  await writeFile(join(site.dataDir, 'journal'), randomBytes(100))
  hub.behaviour = {}
  conductor = await site.start(services())
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
    agent = undefined
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

test('what the agent could not flush to the disk is no deployment', async () => {
  machine.sync = () => Promise.reject(new Error('EIO'))
  give(instance())
  const { outcome } = await hub.next('result')
  expect(outcome).toMatchObject({ ok: false, fault: { code: 'disk.io' } })
})
