// Files that a deployment puts into what it has written, and the boot menu that it tidies up: from the request to the file, by the agent itself.
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { encodeBootEntry } from '../agent/disk/boot-entry.ts'
import type { ApiError } from '../sim/api.ts'
import { makeImage } from '../sim/image.ts'
import { startStory, type Story } from './story.ts'

const MIB = 2 ** 20
const GLOBAL = '8be4df61-93ca-11d2-aa0d-00e098032b8c'
const base64 = (text: string) => Buffer.from(text).toString('base64')
const refusal = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: ApiError) => error.message,
  )
const inject = (files: unknown, priority?: number) => ({
  interface: 'deploy',
  step: 'inject_files',
  args: { files },
  ...(priority && { priority }),
})

/** An image whose partition says that it is ext4, and what is in it. */
async function withFileSystem({ site, machine, api, node }: Story): Promise<string> {
  const { bytes } = makeImage(8 * MIB)
  bytes.writeUInt16LE(0xef53, MIB + 1024 + 0x38)
  const image = site.images.publish('ext.raw', { bytes, sha256: createHash('sha256').update(bytes).digest('hex') })
  const etc = join(machine.options.folder, 'partitions/disk1/etc')
  await mkdir(etc, { recursive: true })
  await api.patchNode(node, { instance_info: site.instanceInfo(image) })
  return etc
}

test('a deployment injects files of the node and of the request, and removes boot entries of before', async (context) => {
  await using story = await startStory(context)
  const { api, machine, node, site } = story
  const efivars = join(machine.options.folder, 'root/sys/firmware/efi/efivars')
  await mkdir(efivars, { recursive: true })
  const partition = { number: 1, guid: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B', firstLba: 1, lastLba: 2 }
  const entry = encodeBootEntry({ description: 'of before', partition, path: '\\x' })
  await writeFile(join(efivars, `Boot0001-${GLOBAL}`), Buffer.concat([Buffer.from([7, 0, 0, 0]), entry]))
  await story.prepare()
  const etc = await withFileSystem(story)
  await api.patchNode(node, { 'properties/inject_files': [{ path: '/etc/site', content: base64('rack 7') }] })
  const key = site.images.publish('key', { bytes: Buffer.from(`ssh of a person`), sha256: '' })
  const files = [
    { path: '/etc/motd', content: base64('welcome') },
    { path: '/etc/ssh/keys', url: key.url, mode: 0o600, dirmode: 0o700 },
  ]
  const deploy_steps = [inject(files, 70), { interface: 'deploy', step: 'clean_uefi_nvram', priority: 65, args: {} }]
  await api.provision(node, 'active', { deploy_steps })
  await story.reach('active')
  expect((await readdir(etc)).sort()).toEqual(['motd', 'site', 'ssh'])
  expect(await readFile(join(etc, 'site'), 'utf8')).toBe('rack 7')
  expect(await readFile(join(etc, 'ssh/keys'), 'utf8')).toBe('ssh of a person')
  expect(await readdir(efivars)).toEqual([])
  const results = async () =>
    (await api.timeline(node)).flatMap(({ type, body }) => (type.endsWith('.done') ? [body['result']] : []))
  const of = (all: unknown[], step: string) => all.filter((each) => String(each).startsWith(step))
  const told = await story.until('both results', async () => {
    const all = await results()
    return of(all, 'inject_files').length + of(all, 'clean_uefi_nvram').length === 2 && all
  })
  expect(told).toContain('inject_files: /etc/site, /etc/motd, /etc/ssh/keys')
  expect(told).toContain('clean_uefi_nvram: removed Boot0001 (of before)')

  const service_steps = [
    inject([
      { path: '/etc/motd', content: base64('of today') },
      { path: '/etc/site', deleted: true },
    ]),
  ]
  await api.patchNode(node, { 'properties/inject_files': [] })
  await api.provision(node, 'service', { service_steps })
  await story.reach('active')
  expect(await readFile(join(etc, 'motd'), 'utf8')).toBe('of today')
  expect((await readdir(etc)).sort()).toEqual(['motd', 'ssh'])
})

test('what cannot be is refused before it is accepted; what turns out so at the machine fails the deployment with its reason', async (context) => {
  await using story = await startStory(context)
  const { api, node, machine } = story
  await api.patchNode(node, { automated_clean: false })
  await story.prepare()
  await withFileSystem(story)
  const active = (...deploy_steps: unknown[]) => api.provision(node, 'active', { deploy_steps })
  expect(await refusal(active(inject([{ path: '/etc/../../x', content: '' }], 70)))).toMatch(
    /400.*must not lead upwards/,
  )
  expect(await refusal(active(inject([{ path: '/etc/x', content: 'no base64!' }], 70)))).toMatch(/400.*files.0.content/)
  const nvram = { interface: 'deploy', step: 'clean_uefi_nvram', args: { match_patterns: ['^HD('] } }
  await api.provision(node, 'manage')
  await story.reach('manageable')
  expect(await refusal(api.provision(node, 'clean', { clean_steps: [nvram] }))).toMatch(/400.*no regular expression/)
  await api.provision(node, 'provide')
  await story.reach('available')
  expect(machine.transitions).toEqual([])
  await active(inject([{ path: '/opt/x', content: '' }], 70))
  const { last_error: why } = await story.fail('deploy failed')
  expect(why).toContain('/opt/x: no file system has the folder opt')
  expect(why).toContain('disk1 (ext4)')
})
