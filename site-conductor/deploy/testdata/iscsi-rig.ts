// The write over iSCSI with the real programs: Debian's tgtd as an ordinary user on loopback, qemu-img with libiscsi, our agent and our conductor. What
// a test of it starts from, made anew for each; the exported variables are the present test's.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach } from 'vitest'
import { makeCertificate } from '../../../agent/certificate.ts'
import { createCommandRunner } from '../../../agent/command-runner.ts'
import { commands } from '../../../agent/command-list.ts'
import { IscsiTarget } from '../../../agent/disk/iscsi-target.ts'
import { startServer } from '../../../agent/server.ts'
import {
  diskBytes,
  fakeMachine,
  fileDisk,
  MIB,
  noise,
  serveBytes,
  serveHttp,
  sha256,
  temporaryFolder,
  testNode,
} from '../../../agent/testing.ts'
import { systemEnv } from '../../../shared/env.ts'
import ipmi from '../../drivers/ipmi.ts'
import { fakeContext, type FakeContext } from '../../testing/fake-context.ts'
import { fakeGrant } from '../../testing/fake-hub.ts'
import type { SiteWrites } from '../../site.ts'
import { FetchNetworks } from '../fetch-networks.ts'
import { ImageCache } from '../image-cache.ts'
import { iscsiDeploy } from '../iscsi.ts'
import { Turns } from '../turns.ts'
import { freePort } from '../../../sim/free-port.ts'

export const DISK_BYTES = 96 * MIB
const TOKEN = 'x'.repeat(43)
export const SECRET = 'AwMDAwMDAwMDAwMDAwMDAw' // what the fake randomness below makes
export const never: AbortSignal = new AbortController().signal

export let stop: AsyncDisposableStack
export let folder: string
export let disk: Awaited<ReturnType<typeof fileDisk>>
export let target: IscsiTarget
export let port: number
export let image: Buffer
let served: Buffer
let url: string
export let lines: string[]
let agentUrl: string
let certificate: string
export let stopAgent: () => Promise<void>

beforeAll(() => {
  for (const program of ['tgtd', 'tgtadm', 'qemu-img', 'setpriv']) {
    const found = ['/usr/sbin', '/usr/bin', '/bin', '/sbin'].some((each) => existsSync(join(each, program)))
    if (!found) throw new Error(`${program} is missing: apt-get install tgt qemu-utils qemu-block-extra util-linux`)
  }
  process.env['PATH'] += ':/usr/sbin:/sbin'
})

beforeEach(async () => {
  stop = new AsyncDisposableStack()
  folder = stop.use(await temporaryFolder()).path
  disk = await fileDisk(folder, 'sda', DISK_BYTES, { dirty: true })
  port = await freePort()
  target = new IscsiTarget({ folder: join(folder, 'tgt'), listen: '127.0.0.1', port })
  stop.defer(() => void target.stop())
  // Data, a long run of zeros, data, and an end on no boundary at all.
  image = Buffer.concat([noise(8 * MIB), Buffer.alloc(24 * MIB), noise(4 * MIB + 700, 5)])
  served = image
  const server = await serveHttp((request, response) => serveBytes(served)(request, response))
  stop.use(server)
  url = `${server.url}/image`
  lines = []
  const machine = fakeMachine([disk], { iscsi: target })
  const log = (line: string) => void lines.push(line)
  const runner = createCommandRunner({
    ...{ commands, machine, node: testNode, config: { heartbeat_timeout: 300 }, log, onEnd: () => {} },
  })
  stop.defer(() => runner.close())
  const tls = await makeCertificate(['127.0.0.1'], new Date())
  certificate = tls.certPem
  const api = await startServer({
    ...{ runner, token: TOKEN, version: 'test', tls, host: '127.0.0.1', port: 0, startedAt: 0, log },
  })
  stopAgent = () => api.close()
  stop.defer(() => api.close())
  agentUrl = `https://127.0.0.1:${api.port}`
})
afterEach(() => stop.disposeAsync())

export const networks = new FetchNetworks(['127.0.0.0/8'])

/** From now on the image server has this instead. */
export const serve = (content: Buffer) => void (served = content)

export const writes = (most = 4): SiteWrites => ({
  images: new ImageCache({ folder: join(folder, 'images'), maxBytes: 1 << 30, networks }),
  turns: new Turns(most),
  folder: join(folder, 'images'),
})

export async function contextOf(signal: AbortSignal = never, format = 'raw', uuid = testNode.uuid): Promise<FakeContext> {
  const over = new AbortController()
  stop.defer(() => over.abort(new Error('the test has ended')))
  const made = await fakeContext(ipmi, {
    node: fakeGrant(uuid, {
      driver: 'ipmi',
      driverInfo: { ipmi_address: '127.0.0.1' },
      properties: { root_device: { rotational: false } },
    }),
    signal: AbortSignal.any([signal, over.signal]),
    context: {
      instance_info: {
        image_source: url,
        image_os_hash_algo: 'sha256',
        image_os_hash_value: sha256(served),
        image_disk_format: format,
      },
      agent_url: agentUrl,
      agent_token: TOKEN,
      agent_certificate: certificate,
    },
  })
  stop.defer(() => made.close())
  // Attempts have names of their own; secrets are known to the test.
  const random = (bytes: number) => (bytes === 16 ? new Uint8Array(16).fill(3) : systemEnv.random(bytes))
  return Object.assign(made, { env: { ...systemEnv, random }, site: { ...made.site, writes: writes() } })
}

export const writeImage = (context: FakeContext) =>
  iscsiDeploy({ setBootDevice: async () => {} }).steps!['write_image']!(context)
/** Ours: another file of tests may write the same node at the same time. */
export const child = () => processes().find(({ parent, line }) => parent === process.pid && line.startsWith('qemu-img'))
export const tgtd = () => processes().find(({ line }) => line.includes('tgtd') && line.includes(`127.0.0.1:${port}`))
export const isBlank = async () => (await diskBytes(disk)).subarray(0, MIB).every((byte) => byte === 0)

export function processes(): { pid: number; parent: number; line: string }[] {
  const text = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' })
  return text.split('\n').flatMap((each) => {
    const [, pid, parent, line] = /^\s*(\d+)\s+(\d+) (.*)$/.exec(each) ?? []
    return pid === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), line: line! }]
  })
}
