// The write over iSCSI with the real programs: Debian's tgtd as an ordinary user on loopback, qemu-img with libiscsi, our agent and our conductor.
import { execFile, execFileSync, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { open, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { makeCertificate } from '../../agent/certificate.ts'
import { createCommandRunner } from '../../agent/command-runner.ts'
import { commands } from '../../agent/command-list.ts'
import { IscsiTarget } from '../../agent/disk/iscsi-target.ts'
import { startServer } from '../../agent/server.ts'
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
} from '../../agent/testing.ts'
import { systemEnv } from '../../shared/env.ts'
import ipmi from '../drivers/ipmi.ts'
import { fakeContext, type FakeContext } from '../fake-context.ts'
import { fakeGrant } from '../fake-hub.ts'
import type { SiteWrites } from '../site.ts'
import { ImageCache } from './image-cache.ts'
import { iscsiDeploy } from './iscsi.ts'
import { runQemuImg } from './qemu-img.ts'
import { Turns } from './turns.ts'

const DISK_BYTES = 96 * MIB
const TOKEN = 'x'.repeat(43)
const SECRET = 'AwMDAwMDAwMDAwMDAwMDAw' // what the fake randomness below makes
const chap = { username: 'ferrule', secret: SECRET }
const never = new AbortController().signal
const run = promisify(execFile)

let stop: AsyncDisposableStack
let folder: string
let disk: Awaited<ReturnType<typeof fileDisk>>
let target: IscsiTarget
let port: number
let image: Buffer
let served: Buffer
let url: string
let lines: string[]
let agentUrl: string
let certificate: string
let stopAgent: () => Promise<void>

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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const writes = (most = 4): SiteWrites => ({
  images: new ImageCache({ folder: join(folder, 'images'), maxBytes: 1 << 30 }),
  turns: new Turns(most),
  folder: join(folder, 'images'),
})

async function contextOf(signal = never, format = 'raw'): Promise<FakeContext> {
  const made = await fakeContext(ipmi, {
    node: fakeGrant(testNode.uuid, {
      driver: 'ipmi',
      driverInfo: { ipmi_address: '127.0.0.1' },
      properties: { root_device: { rotational: false } },
    }),
    signal,
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

const writeImage = (context: FakeContext) =>
  iscsiDeploy({ setBootDevice: async () => {} }).steps!['write_image']!(context)
const start = (iqn: string, more: object = {}) =>
  target.start({ iqn, port: 1, path: disk.path, chap, initiator: '127.0.0.1', ...more }, never)
/** Tries to write `path` to the export as somebody who knows `secret`. */
const intrude = (iqn: string, path: string, secret?: string) => {
  const login = secret === undefined ? '' : ',user=ferrule,password-secret=secret0'
  const options = `driver=iscsi,transport=tcp,portal=127.0.0.1:${port},target=${iqn},lun=1${login}`
  const args = ['convert', '-n', '-f', 'raw', path, '--target-image-opts', options]
  return runQemuImg({ args, signal: never, ...(secret !== undefined && { secret: { text: secret, folder } }) })
}

test('a raw image is on a used disk byte for byte, is verified there, and the rest of the disk is left', async () => {
  const context = await contextOf()
  await writeImage(context)
  const written = await diskBytes(disk)
  expect(sha256(written.subarray(0, image.length))).toBe(sha256(image))
  expect(written[66 * MIB]).toBe(0xa5)
  expect(target.current).toBeUndefined()
  expect(context.notes.map(({ stage }) => stage)).toEqual(
    expect.arrayContaining(['write_image', 'write_image.exported', 'write_image.written', 'write_image.verified']),
  )
  const progress = context.notes.filter(({ stage }) => stage === 'write_image')
  expect(progress[0]!.body).toMatchObject({ bytes: expect.any(Number), total: image.length })
  expect(context.checks).toBeGreaterThan(4)
  const told = JSON.stringify([context.notes, context.kept, lines])
  expect(told).not.toContain(SECRET)
  expect(readdirSync(join(folder, 'images')).filter((name) => name.startsWith('secret'))).toEqual([])
})

test('a qcow2 image is written as what it contains', async () => {
  await writeFile(join(folder, 'raw'), image)
  await run('qemu-img', ['convert', '-c', '-f', 'raw', '-O', 'qcow2', join(folder, 'raw'), join(folder, 'qcow2')])
  served = readFileSync(join(folder, 'qcow2'))
  await writeImage(await contextOf(never, 'qcow2'))
  expect(sha256((await diskBytes(disk)).subarray(0, image.length))).toBe(sha256(image))
})

test('an image that is larger than the disk is refused, and the disk is not exported any more', async () => {
  served = Buffer.alloc(DISK_BYTES + 512, 1)
  await expect(writeImage(await contextOf())).rejects.toMatchObject({ fault: { code: 'image.too_large' } })
  expect(target.current).toBeUndefined()
})

test('who has no secret, or a wrong one, or comes from elsewhere, does not get in; who has it does', async () => {
  const path = join(folder, 'intruder')
  await writeFile(path, noise(MIB, 9))
  const iqn = 'iqn.2008-10.org.openstack:node:1'
  await start(iqn)
  for (const secret of [undefined, 'a wrong secret of this length'])
    await expect(intrude(iqn, path, secret)).rejects.toMatchObject({ fault: { code: 'agent.lost' } })
  await start(iqn, { initiator: '192.0.2.1' })
  await expect(intrude(iqn, path, SECRET)).rejects.toMatchObject({ fault: { code: 'agent.lost' } })
  expect((await diskBytes(disk)).subarray(0, MIB).every((byte) => byte === 0xa5)).toBe(true)
  await start(iqn)
  await intrude(iqn, path, SECRET)
  expect(sha256((await diskBytes(disk)).subarray(0, MIB))).toBe(sha256(noise(MIB, 9)))
})

test('a new export shuts out whoever wrote to the one before it', async () => {
  const path = join(folder, 'old')
  await writeFile(path, noise(MIB, 9))
  await start('iqn.2008-10.org.openstack:node:1')
  await start('iqn.2008-10.org.openstack:node:2', { chap: { ...chap, secret: 'the secret of the next one' } })
  for (const name of ['node:1', 'node:2'])
    await expect(intrude(`iqn.2008-10.org.openstack:${name}`, path, SECRET)).rejects.toMatchObject({
      fault: { code: 'agent.lost' },
    })
})

test('an abort in mid-write kills the child, ends the export and leaves a disk that does not boot', async () => {
  const controller = new AbortController()
  const context = await contextOf(controller.signal)
  const tgtd = freezeDisk(context)
  const writing = writeImage(context)
  const child = () => processes().find(({ line }) => line.startsWith('qemu-img') && line.includes(testNode.uuid))
  await expect.poll(child, { timeout: 40_000 }).toBeDefined()
  expect(child()!.line).not.toContain(SECRET)
  controller.abort(new Error('the test takes the node away'))
  await expect(writing).rejects.toThrow('the test takes the node away')
  expect(child()).toBeUndefined()
  expect(processes().some(({ pid }) => pid === tgtd())).toBe(false)
  expect(target.current).toBeUndefined()
  expect((await diskBytes(disk)).subarray(0, MIB).every((byte) => byte === 0)).toBe(true)
})

test('an agent that is gone in mid-write is a lost agent, and the child does not wait for it for ever', async () => {
  const context = await contextOf()
  const tgtd = freezeDisk(context)
  // Two minutes of silence in about a second.
  const { mono, setTimer } = systemEnv
  const env = {
    ...context.env,
    mono: () => mono() * 100,
    setTimer: (ms: number, run: () => void) => setTimer(ms / 100, run),
  }
  const writing = writeImage(Object.assign(context, { env }))
  writing.catch(() => {})
  await expect.poll(tgtd, { timeout: 10_000 }).toBeDefined()
  await stopAgent()
  await expect(writing).rejects.toMatchObject({ fault: { code: 'agent.lost' } })
  expect(processes().some(({ line }) => line.startsWith('qemu-img') && line.includes(testNode.uuid))).toBe(false)
  expect(context.notes.at(-1)).toMatchObject({ stage: 'write_image.left' })
})

test('a conductor that may not act on the node any more does not touch its disk', async () => {
  const context = await contextOf()
  context.refused = true
  await expect(writeImage(context)).rejects.toMatchObject({ fault: { code: 'fenced' } })
  expect(target.lastIqn).toBeUndefined()
  expect((await diskBytes(disk)).every((byte) => byte === 0xa5)).toBe(true)
})

test('a conductor that is killed takes qemu-img with it', async () => {
  const iqn = 'iqn.2008-10.org.openstack:killed'
  await start(iqn)
  const tgtd = processes().find(({ line }) => line.includes('tgtd') && line.includes(`127.0.0.1:${port}`))!.pid
  process.kill(tgtd, 'SIGSTOP')
  const options = `driver=iscsi,transport=tcp,portal=127.0.0.1:${port},target=${iqn},lun=1`
  const module = join(import.meta.dirname, 'qemu-img.ts')
  const code = `const { runQemuImg } = await import(${JSON.stringify(module)})
    await runQemuImg({ args: ['info', '--image-opts', ${JSON.stringify(options)}], signal: new AbortController().signal })`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'ignore' })
  const child = () => processes().find(({ line }) => line.startsWith('qemu-img') && line.includes(`127.0.0.1:${port}`))
  await expect.poll(child, { timeout: 20_000 }).toBeDefined()
  parent.kill('SIGKILL')
  await expect.poll(child, { timeout: 5_000 }).toBeUndefined()
})

test('a disk that does not hold what was written is found out', async () => {
  const original = target.stop.bind(target)
  target.stop = async () => {
    const wasExported = target.current !== undefined
    const stopped = await original()
    if (!wasExported) return stopped
    const file = await open(disk.path, 'r+')
    await file.write(Buffer.from([image[5 * MIB]! ^ 1]), 0, 1, 5 * MIB)
    await file.close()
    return stopped
  }
  await expect(writeImage(await contextOf())).rejects.toMatchObject({
    fault: { code: 'disk.io', message: expect.stringContaining('does not hold what was written') },
  })
  expect((await diskBytes(disk)).subarray(0, MIB).every((byte) => byte === 0)).toBe(true)
})

test('a conductor that takes over starts from the beginning and ends up with the same disk', async () => {
  const controller = new AbortController()
  const first = await contextOf(controller.signal)
  const note = first.note.bind(first)
  first.note = (stage, body) => {
    note(stage, body)
    if (stage === 'write_image.exported') controller.abort(new Error('killed'))
  }
  await expect(writeImage(first)).rejects.toThrow('killed')
  const second = await contextOf()
  await writeImage({ ...second, task: { ...second.task, epoch: 2 } })
  expect(sha256((await diskBytes(disk)).subarray(0, image.length))).toBe(sha256(image))
})

/** A disk that takes for ever: tgtd is stopped as soon as it exports. Answers its process id once that has happened. */
function freezeDisk(context: FakeContext): () => number | undefined {
  let tgtd: number | undefined
  const note = context.note.bind(context)
  context.note = (stage, body) => {
    note(stage, body)
    if (stage !== 'write_image.exported') return
    tgtd = processes().find(({ line }) => line.includes('tgtd') && line.includes(`127.0.0.1:${port}`))?.pid
    process.kill(tgtd!, 'SIGSTOP')
  }
  return () => tgtd
}

function processes(): { pid: number; line: string }[] {
  const text = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' })
  return text.split('\n').flatMap((each) => {
    const [, pid, line] = /^\s*(\d+) (.*)$/.exec(each) ?? []
    return pid === undefined ? [] : [{ pid: Number(pid), line: line! }]
  })
}
