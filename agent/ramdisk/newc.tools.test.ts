// Our archives, unpacked by GNU cpio.
import { mkdir, readFile, readlink, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { noise, sha256, temporaryFolder } from '../testing.ts'
import { runTool } from '../tool.ts'
import { encodeArchive, withFolders } from './newc.ts'

it('files, folders and links come out as they went in', async () => {
  await using folder = await temporaryFolder()
  const content = noise(10_001)
  const archive = encodeArchive(
    withFolders([
      { path: 'a/b/program', kind: 'file', content, mode: 0o755 },
      { path: 'a/empty', kind: 'file', content: Buffer.alloc(0), mode: 0o600 },
      { path: 'link', kind: 'link', target: 'a/b/program' },
      { path: 'only/a/folder', kind: 'folder' },
    ]),
  )
  await writeFile(join(folder.path, 'x.cpio'), archive)
  const root = join(folder.path, 'root')
  await mkdir(root)
  const { code, stderr } = await runTool(
    'cpio',
    ['--extract', '--quiet', '--no-preserve-owner', '--file', '../x.cpio'],
    { cwd: root },
  )
  if (code === 127) throw new Error('cpio is missing: apt-get install cpio')
  expect([code, stderr]).toEqual([0, ''])
  expect(sha256(await readFile(join(root, 'a/b/program')))).toBe(sha256(content))
  expect((await stat(join(root, 'a/b/program'))).mode & 0o777).toBe(0o755)
  expect((await stat(join(root, 'a/empty'))).size).toBe(0)
  expect(await readlink(join(root, 'link'))).toBe('a/b/program')
  expect((await stat(join(root, 'only/a/folder'))).isDirectory()).toBe(true)
})
