// What nodes may name themselves: fetched once and verified, or a file that the site allows; nothing else of the host or its network.
import { createHash } from 'node:crypto'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemEnv } from '../../shared/env.ts'
import { toFault } from '../../shared/faults.ts'
import { FetchNetworks } from './fetch-networks.ts'
import { BootFiles, type BootFileUse } from './boot-files.ts'

let folder: string
let server: http.Server
let url: string
let requests: number
let gate: Promise<void> | undefined
let files: BootFiles
const at = (name: string) => join(folder, name)
const KERNEL = Buffer.from('\x1f\x8b\x08 a kernel, compressed as kernels are', 'latin1')
const sha256 = createHash('sha256').update(KERNEL).digest('hex')

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ferrule-boot-files-'))
  for (const name of ['allowed', 'secret', 'allowed-not']) mkdirSync(at(name))
  requests = 0
  gate = undefined
  server = http.createServer(async ({ url: path }, response) => {
    requests++
    await gate
    if (path !== '/kernel') return response.writeHead(302, { location: decodeURIComponent(path!.slice(1)) }).end()
    response.end(KERNEL)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/kernel`
  files = filesOf(new FetchNetworks(['127.0.0.1/32']))
})
afterEach(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  rmSync(folder, { recursive: true, force: true })
})

const filesOf = (networks: FetchNetworks) =>
  new BootFiles({
    folder: at('kept'),
    fileFolders: [at('allowed')],
    networks,
    maxBytes: 2 ** 20,
    isServed: () => false,
  })
const using = (signal = new AbortController().signal): BootFileUse => ({ env: systemEnv, signal, onProgress: () => {} })
const kernel = (checksum?: string) => ({ name: 'deploy_kernel', of: 'driver_info' as const, url, checksum })
const local = (path: string) =>
  files.get({ name: 'deploy_kernel', of: 'driver_info' as const, url: `file://${path}` }, using())

test('is fetched once for all who want it, and kept', async () => {
  const held = Promise.withResolvers<void>()
  gate = held.promise
  const both = [files.get(kernel(sha256), using()), files.get(kernel(sha256.toUpperCase()), using())]
  held.resolve()
  const [first, second] = await Promise.all(both)
  expect(second).toBe(first)
  expect(readFileSync(first!).equals(KERNEL)).toBe(true)
  await filesOf(new FetchNetworks([])).get(kernel(sha256), using())
  expect(requests).toBe(1)
})

test('is booted from again as the same file, so that a volume that was made from it fits', async () => {
  const before = statSync(await files.get(kernel(sha256), using()), { bigint: true })
  const after = statSync(await files.get(kernel(sha256), using()), { bigint: true })
  expect([after.ino, after.mtimeNs]).toEqual([before.ino, before.mtimeNs])
})

test('whoever is cancelled leaves it to the next one', async () => {
  const held = Promise.withResolvers<void>()
  gate = held.promise
  const cancelled = new AbortController()
  const first = files.get(kernel(sha256), using(cancelled.signal))
  const second = files.get(kernel(sha256), using())
  cancelled.abort(new Error('the task was cancelled'))
  await expect(first).rejects.toThrow('the task was cancelled')
  held.resolve()
  expect(readFileSync(await second).equals(KERNEL)).toBe(true)
})

test('with another digest it is refused, and nothing is kept', async () => {
  const other = sha256.replace(/^../, 'ff')
  await expect(files.get(kernel(other), using())).rejects.toMatchObject({
    fault: {
      code: 'image.digest',
      message: expect.stringContaining('deploy_kernel: '),
      hint: expect.stringContaining('check deploy_kernel in driver_info'),
    },
  })
  expect(readdirSync(at('kept'))).toEqual([])
})

test('with another digest, nobody is told what is there', async () => {
  const fault = await files.get(kernel('0'.repeat(64)), using()).catch(toFault)
  expect(JSON.stringify(fault)).not.toMatch(/[0-9a-f]{32}/)
})

test.each(['127.0.0.1', '[::ffff:127.0.0.1]', 'localhost', '0x7f.1'])(
  'nobody has the conductor ask its own host, also as %s',
  async (host) => {
    const named = { ...kernel(sha256), url: url.replace('127.0.0.1', host) }
    await expect(filesOf(new FetchNetworks([])).get(named, using())).rejects.toMatchObject({
      fault: { code: 'image.not_found', message: expect.stringContaining('fetches nothing from') },
    })
    expect(requests).toBe(0)
  },
)

test('a redirect to where nothing is fetched from is not followed', async () => {
  const elsewhere = http.createServer((_, response) => response.end(KERNEL))
  let asked = 0
  elsewhere.on('connection', () => asked++)
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.2', resolve))
  try {
    const { port } = elsewhere.address() as AddressInfo
    const redirect = `${new URL(url).origin}/${encodeURIComponent(`http://127.0.0.2:${port}/kernel`)}`
    await expect(files.get({ ...kernel(sha256), url: redirect }, using())).rejects.toMatchObject({
      fault: { code: 'image.not_found', message: expect.stringContaining('fetches nothing from 127.0.0.2') },
    })
    expect([requests, asked]).toEqual([1, 0])
    const all = filesOf(new FetchNetworks(['127.0.0.0/8']))
    expect(readFileSync(await all.get({ ...kernel(sha256), url: redirect }, using())).equals(KERNEL)).toBe(true)
  } finally {
    elsewhere.closeAllConnections()
    await new Promise((resolve) => elsewhere.close(resolve))
  }
})

test('what does not fit beside what is booted from is not kept', async () => {
  const small = new BootFiles({
    folder: at('kept'),
    fileFolders: [],
    networks: new FetchNetworks(['127.0.0.1/32']),
    maxBytes: KERNEL.length - 1,
    isServed: () => false,
  })
  await expect(small.get(kernel(sha256), using())).rejects.toMatchObject({ fault: { code: 'unavailable' } })
  expect(readdirSync(at('kept'))).toEqual([])
})

test('without a digest nothing is fetched', async () => {
  await expect(files.get(kernel(), using())).rejects.toMatchObject({
    fault: { code: 'driver.invalid_info', hint: expect.stringContaining('deploy_kernel_checksum') },
  })
  expect(requests).toBe(0)
})

test('what nobody has booted for a week goes with the next one', async () => {
  const path = await files.get(kernel(sha256), using())
  const old = new Date(Date.now() - 8 * 86_400_000)
  utimesSync(path, old, old)
  await expect(files.get({ ...kernel(sha256.replace(/^../, 'ff')) }, using())).rejects.toThrow()
  expect(readdirSync(at('kept'))).toEqual([])
})

test('a file URL names what is in an allowed folder, whichever way it goes, and nothing else', async () => {
  writeFileSync(at('allowed/kernel'), KERNEL)
  writeFileSync(at('secret/key'), 'secret')
  writeFileSync(at('allowed-not/key'), 'secret')
  symlinkSync(at('secret/key'), at('allowed/link'))
  symlinkSync(at('allowed/kernel'), at('secret/back'))
  expect(await local(at('allowed/kernel'))).toBe(at('allowed/kernel'))
  expect(await local(at('secret/back'))).toBe(at('allowed/kernel'))
  const refused = [
    at('secret/key'),
    at('allowed/link'),
    at('allowed-not/key'),
    at('allowed/../secret/key'),
    at('allowed'),
    at('allowed/none'),
    '/etc/passwd',
  ]
  for (const path of refused)
    await expect(local(path), path).rejects.toMatchObject({
      fault: { code: 'driver.invalid_info', hint: expect.stringContaining('fileUrlFolders') },
    })
  for (const other of [`file://host${at('allowed/kernel')}`, `file://${at('allowed')}%2fkernel`])
    await expect(
      files.get({ name: 'deploy_kernel', of: 'driver_info' as const, url: other }, using()),
      other,
    ).rejects.toMatchObject({
      fault: { code: 'driver.invalid_info' },
    })
})
