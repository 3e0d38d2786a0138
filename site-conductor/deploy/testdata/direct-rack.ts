// A rack of one machine for tests of deploy interfaces: a conductor, the agent API over TLS, the real agent with a file as its disk. Only DHCP, firmware and
// kernel are missing: a machine that is switched on reads the boot ticket itself.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { type Agent, startAgent } from '../../../agent/start.ts'
import { diskBytes, fakeMachine as agentMachine, fileDisk, MIB, noise, serveBytes, serveHttp, sha256, temporaryFolder } from '../../../agent/testing.ts'
import { PLANS } from '../../../cloud/plans.ts'
import { silent } from '../../log.ts'
import { startAgentApi } from '../../agents/agent-api.ts'
import type { BootTicket } from '../../boot/ticket.ts'
import type { Config } from '../../config.ts'
import type { RunningConductor, Services } from '../../conductor.ts'
import { defineDriver, type Driver, type Implementation } from '../../driver.ts'
import fakeHardware from '../../drivers/fake-hardware.ts'
import { fakeMachine } from '../../drivers/fake/machine.ts'
import { fakeGrant, type FakeHub } from '../../testing/fake-hub.ts'
import { type FakeSite, fakeSite } from '../../testing/fake-site.ts'
import { certificateDigest, type CertificateAndKey, issueServer, newSiteCa } from '../../site/site-ca.ts'
import { directDeploy } from '../direct.ts'
import { ramdiskBoot } from '../ramdisk-boot.ts'

const MAC = '52:54:00:aa:bb:01'
export let node: string
export let site: FakeSite
export let hub: FakeHub
let ca: CertificateAndKey
export let tickets: Map<string, BootTicket>
export let stop: AsyncDisposableStack
export let agent: Agent | undefined
export let boots: number
export let image: Buffer
let imageUrl: string
export let disk: Awaited<ReturnType<typeof fileDisk>>
export let machine: ReturnType<typeof agentMachine>
export let conductor: RunningConductor
export let imageRequests = 0
export let localRequests = 0

let scriptSent: () => void
let apiPort = 0

/** What a test sets. */
export const knobs: {
  /** The image server keeps everybody waiting; so do conductors (knobs.heldHere). */
  held?: Promise<void> | undefined
  heldHere?: Promise<void> | undefined
  /** Conductors serve files at this port. */
  filePort?: number | undefined
  /** The ramdisk takes so long from its boot script to its agent. */
  ramdiskUp?: Promise<void> | undefined
} = {}

export async function boot(): Promise<void> {
  const ticket = tickets.get(node)
  if (ticket?.ramdisk === undefined || agent !== undefined) return
  boots++
  // Of a second start only the agent's question is heard: what was loaded tells earlier, see agents.test.ts.
  if (boots === 1) scriptSent()
  await knobs.ramdiskUp
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
          httpUrl: 'http://10.0.0.1:8088',
          httpUrlFor: () => 'http://127.0.0.1',
          kernelArguments: 'console=ttyS0',
          agentApiUrl: `https://127.0.0.1:${api.port}`,
          caPem: ca.certificate,
          caSha256: certificateDigest(ca.certificate),
        },
        close: async () => {
          await Promise.all([api.close(), files.close()])
        },
      }
    },
  }
}

/** serveFile and withdrawFile of boot services, whose answers can be knobs.held back. */
async function fileServer() {
  const served = new Map<string, string>()
  const server = createServer((request, response) => {
    localRequests++
    void Promise.resolve(knobs.heldHere).then(() => {
      const path = served.get(request.url!)
      if (path !== undefined) return serveBytes(readFileSync(path))(request, response)
      return response.writeHead(404).end()
    })
  })
  server.listen(knobs.filePort ?? 0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  knobs.filePort = port
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
  Object.assign(knobs, { held: undefined, heldHere: undefined, ramdiskUp: undefined, filePort: undefined })
  imageRequests = localRequests = 0
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
    void Promise.resolve(knobs.held).then(() => serve(request, response))
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
  await startAgain()
  await hub.next('hello')
})
afterEach(async () => {
  await stop.disposeAsync()
})

export const instance = (more: Record<string, unknown> = {}) => ({
  instance_info: {
    image_source: imageUrl,
    image_os_hash_algo: 'sha256',
    image_os_hash_value: sha256(image),
    image_disk_format: 'raw',
    ...more,
  },
})
export function give(context: Record<string, unknown>): string {
  const id = crypto.randomUUID()
  hub.give({ id, node, steps: [...PLANS.deploy], context })
  return id
}
export const stages = () => hub.all('notes').flatMap(({ notes }) => notes.map(({ stage }) => stage))
export const commandsDone = () =>
  hub.all('event').flatMap(({ events }) => events.filter(({ kind }) => kind === 'finished').map(({ step }) => step))

/** A conductor on the same data, once the one before is closed. */
export async function startAgain(more: Partial<Config> = {}): Promise<void> {
  Object.assign(site.config, more)
  conductor = await site.start(services())
}

/** Its machine has lost it. */
export function loseAgent(): void {
  agent = undefined
}

/** Digest of what is on the disk where the image should be. */
export const written = async () => sha256((await diskBytes(disk)).subarray(0x200, image.length))
