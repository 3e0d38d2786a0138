import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { temporaryFolder } from '../testing.ts'
import { resolveInside } from './inside.ts'

it.each([
  ['plain', {}, '/etc/motd', '/etc/motd'],
  ['what is not there yet', {}, '/opt/a/b', '/opt/a/b'],
  ['an absolute link', { '/etc': '/real' }, '/etc/motd', '/real/motd'],
  ['a link out of the tree', { '/etc/motd': '../../../../outside/file' }, '/etc/motd', '/outside/file'],
  ['an absolute link as the last part', { '/etc/motd': '/outside' }, '/etc/motd', '/outside'],
  ['links behind links', { '/a': 'b', '/b': '/c/../d' }, '/a/x', '/d/x'],
  ['a link to what is not there', { '/etc/resolv.conf': '/run/resolve/stub' }, '/etc/resolv.conf', '/run/resolve/stub'],
] as [string, Record<string, string>, string, string][])('%s', async (_, links, path, found) => {
  await using folder = await temporaryFolder()
  await mkdir(join(folder.path, 'real'))
  for (const [link, target] of Object.entries(links)) {
    await mkdir(join(folder.path, link, '..'), { recursive: true })
    await symlink(target, join(folder.path, link))
  }
  expect(await resolveInside(folder.path, path)).toBe(join(folder.path, found))
})

it('a link at the end is itself what is meant, where that is asked for', async () => {
  await using folder = await temporaryFolder()
  await symlink('/outside', join(folder.path, 'link'))
  expect(await resolveInside(folder.path, '/link', 'itself')).toBe(join(folder.path, 'link'))
})

it('links in a circle end', async () => {
  await using folder = await temporaryFolder()
  await symlink('b', join(folder.path, 'a'))
  await symlink('a', join(folder.path, 'b'))
  await expect(resolveInside(folder.path, '/a/x')).rejects.toThrow('too many symbolic links')
})

it('a file is no folder', async () => {
  await using folder = await temporaryFolder()
  await writeFile(join(folder.path, 'file'), '')
  await expect(resolveInside(folder.path, '/file/x')).rejects.toThrow('ENOTDIR')
})
