// A disk made of a file whose partitions are marked as file systems, and folders that stand for what is mounted.
import { chmod, mkdir, readFile, readdir, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { AgentNode } from '../../shared/agent-protocol.ts'
import { makeImage } from '../../sim/image.ts'
import { executeStep } from '../step-list.ts'
import { AgentFault } from '../fault.ts'
import { fakeContext, fakeMachine, fileDisk, GIB, MIB, serveHttp, temporaryFolder, testNode } from '../testing.ts'
import { put } from '../testdata/host-tools.ts'

const EXT_MAGIC = Buffer.from([0x53, 0xef])

/** A machine whose root disk has one file system, which is mounted as the folder `inside`. */
async function machine({ mark = EXT_MAGIC, markAt = 1024 + 0x38 } = {}) {
  const folder = await temporaryFolder()
  const disk = await fileDisk(folder.path, 'sda', 4 * GIB)
  const { bytes } = makeImage(4 * MIB)
  bytes.fill(0, MIB, MIB + 70_000)
  mark.copy(bytes, MIB + markAt)
  await put(disk.path, 0, bytes)
  const inside = join(folder.path, 'inside')
  await mkdir(join(inside, 'etc'), { recursive: true })
  const mounts: string[] = []
  const facts = fakeMachine([disk], {
    async withFileSystem(device, type, use, access = 'read') {
      mounts.push(`${device.slice(folder.path.length)} ${type} ${access}`)
      return await use(inside)
    },
  })
  const inject = (files: unknown, node: Partial<AgentNode> = {}, more: Record<string, unknown> = {}) =>
    executeStep('deploy', fakeContext(facts), {
      step: { step: 'inject_files', interface: 'deploy', args: { files, ...more } },
      node: { ...testNode, ...node },
      ports: [{ address: '52:54:00:00:00:01' }],
    })
  return { folder, inside, mounts, inject, machine: facts }
}
const base64 = (text: string) => Buffer.from(text).toString('base64')
const modeOf = async (path: string) => (await stat(path)).mode & 0o7777

it('a new file has the content, the mode and the folder that were asked for', async () => {
  const { folder, inside, mounts, inject, machine: facts } = await machine()
  await using _ = folder
  const file = { path: '/etc/app/conf.d/x.conf', content: base64('hello'), mode: 0o600, dirmode: 0o700 }
  const answer = await inject([file, { path: '/etc/motd', content: base64('hi') }])
  expect(answer).toMatchObject({ deploy_result: { result: 'inject_files: /etc/app/conf.d/x.conf, /etc/motd' } })
  expect(await readFile(join(inside, 'etc/app/conf.d/x.conf'), 'utf8')).toBe('hello')
  expect(await modeOf(join(inside, 'etc/app/conf.d/x.conf'))).toBe(0o600)
  expect(await modeOf(join(inside, 'etc/app/conf.d'))).toBe(0o700)
  expect(await modeOf(join(inside, 'etc/app'))).toBe(0o755)
  expect(await modeOf(join(inside, 'etc/motd'))).toBe(0o644)
  expect((await readdir(join(inside, 'etc'))).sort()).toEqual(['app', 'motd'])
  expect(mounts).toEqual(['/sda1 ext4 read', '/sda1 ext4 write', '/sda1 ext4 read', '/sda1 ext4 write'])
  expect(facts.did).toEqual(['sync'])
})

it('a file that is there keeps its mode, and is shorter where the new one is', async () => {
  const { folder, inside, inject } = await machine()
  await using _ = folder
  await writeFile(join(inside, 'etc/motd'), 'a long text of before')
  await chmod(join(inside, 'etc/motd'), 0o640)
  const { ino } = await stat(join(inside, 'etc/motd'))
  await inject([{ path: '/etc/motd', content: base64('new') }])
  expect(await readFile(join(inside, 'etc/motd'), 'utf8')).toBe('new')
  expect(await stat(join(inside, 'etc/motd'))).toMatchObject({ ino, mode: 0o100640 })
})

it('files of the node come first, and one can be deleted', async () => {
  const { folder, inside, inject } = await machine()
  await using _ = folder
  const properties = {
    inject_files: [
      { path: '/etc/a', content: base64('node') },
      { path: '/etc/b', content: '' },
    ],
  }
  await inject(
    [
      { path: '/etc/a', content: base64('request') },
      { path: '/etc/b', deleted: true },
    ],
    { properties },
  )
  expect(await readFile(join(inside, 'etc/a'), 'utf8')).toBe('request')
  expect(await readdir(join(inside, 'etc'))).toEqual(['a'])
  await expect(inject([], { properties: { inject_files: [{ path: 'etc/a' }] } })).rejects.toThrow(
    'properties/inject_files: 0.path',
  )
  expect(await inject(undefined)).toMatchObject({ deploy_result: { result: 'inject_files: no files' } })
})

it('a URL is filled in with what the node is, and a file that does not come leaves the old one', async () => {
  const { folder, inside, inject } = await machine()
  await using _ = folder
  await using server = await serveHttp((request, response) => {
    if (request.url?.includes('gone')) response.writeHead(404).end()
    else response.end(`for ${request.url}`)
  })
  const url = `${server.url}/{node[uuid]}/{ports[0][address]}/{node[properties][rack]}`
  await inject([{ path: '/etc/motd', content: url }], { properties: { rack: 7 } })
  const wanted = `for /${testNode.uuid}/52:54:00:00:00:01/7`
  expect(await readFile(join(inside, 'etc/motd'), 'utf8')).toBe(wanted)
  await expect(inject([{ path: '/etc/motd', url: `${server.url}/gone` }])).rejects.toThrow(
    'file /etc/motd could not be fetched',
  )
  await expect(inject([{ path: '/etc/motd', url: `${server.url}/{node[name]}` }])).rejects.toThrow(
    'the node has no {node[name]}',
  )
  expect(await readFile(join(inside, 'etc/motd'), 'utf8')).toBe(wanted)
  expect(await readdir(join(inside, 'etc'))).toEqual(['motd'])
})

it('links of an image lead nowhere outside of it: what the ramdisk has itself is not written and not deleted', async () => {
  const { folder, inside, inject } = await machine()
  await using _ = folder
  const outside = join(folder.path, 'outside')
  await mkdir(outside)
  await writeFile(join(outside, 'passwd'), 'of the ramdisk')
  await symlink(outside, join(inside, 'etc/evil'))
  await symlink('../../../../../../../../../..' + outside, join(inside, 'etc/up'))
  await symlink(join(outside, 'passwd'), join(inside, 'etc/passwd'))
  for (const path of ['/etc/evil/passwd', '/etc/up/passwd', '/etc/passwd'])
    await inject([{ path, content: base64('mine') }])
  for (const path of ['/etc/evil/passwd', '/etc/passwd']) await inject([{ path, deleted: true }])
  expect(await readFile(join(outside, 'passwd'), 'utf8')).toBe('of the ramdisk')
  expect(await readdir(outside)).toEqual(['passwd'])
  expect((await readdir(join(inside, 'etc'))).sort()).toEqual(['evil', 'up'])
})

it.each([
  ['a folder', async (inside: string) => void (await mkdir(join(inside, 'etc/motd')))],
  ['a circle of links', async (inside: string) => symlink('motd', join(inside, 'etc/motd'))],
])('what is there and is %s is not written over', async (_, make) => {
  const { folder, inside, inject } = await machine()
  await using __ = folder
  await make(inside)
  const fault = await inject([{ path: '/etc/motd', content: base64('x') }]).then(undefined, (error: unknown) => error)
  expect(fault).toBeInstanceOf(AgentFault)
  expect(fault).toMatchObject({ type: 'DiskWriteError', message: expect.stringContaining('/etc/motd') })
})

it('no file system has the folder: what was looked into is said', async () => {
  const { folder, inject, mounts } = await machine()
  await using _ = folder
  const none = await inject([{ path: '/home/x', content: '' }]).then(undefined, (error: unknown) => error)
  expect(none).toMatchObject({ type: 'DeviceNotFound', message: '/home/x: no file system has the folder home' })
  expect((none as AgentFault).details).toContain('sda1 (ext4)')
  expect(mounts).toEqual(['/sda1 ext4 read'])
})

it('a partition is named by number or device, and has to be there', async () => {
  const { folder, inside, inject, mounts } = await machine({ mark: Buffer.from('XFSB'), markAt: 0 })
  await using _ = folder
  await inject([
    { path: '/motd', content: '', partition: 1 },
    { path: '/motd2', content: '', partition: '1' },
  ])
  expect((await readdir(inside)).sort()).toEqual(['etc', 'motd', 'motd2'])
  expect(mounts).toEqual(['/sda1 xfs write', '/sda1 xfs write'])
  await expect(inject([{ path: '/motd', content: '', partition: 2 }])).rejects.toThrow('sda2 has no file system')
  await expect(inject([{ path: '/motd', content: '', partition: '/dev/sdz1' }])).rejects.toThrow(
    '/dev/sdz1 is on no disk',
  )
})

it('a disk whose file systems nobody knows', async () => {
  const { folder, inject } = await machine({ mark: Buffer.alloc(0) })
  await using _ = folder
  await expect(inject([{ path: '/etc/x', content: '' }])).rejects.toMatchObject({
    details: expect.stringContaining('nothing: no partition'),
  })
})

it('an argument that cannot be is refused before the disk is opened', async () => {
  const { folder, inject, machine: facts } = await machine()
  await using _ = folder
  facts.openDisk = () => Promise.reject(new Error('the disk was opened'))
  await expect(inject([{ path: '/etc/../../shadow', content: '' }])).rejects.toThrow('must not lead upwards')
})
