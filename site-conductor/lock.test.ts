// The name that a data folder's lock has for the hub: the same for whoever holds it next, another wherever another process could hold one.
import { spawnSync } from 'node:child_process'
import { cp, mkdtemp, realpath, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lockFolder } from './lock.ts'

let base: string
beforeEach(async () => void (base = await realpath(await mkdtemp(join(tmpdir(), 'ferrule-lock-')))))
afterEach(() => rm(base, { recursive: true, force: true }))

async function nameOf(path: string): Promise<string> {
  const lock = await lockFolder(path)
  await lock.release()
  return lock.name
}

/** By a process of its own. */
function nameElsewhere(path: string): string {
  const script = `import { lockFolder } from ${JSON.stringify(join(import.meta.dirname, 'lock.ts'))}
    process.stdout.write((await lockFolder(process.argv[1])).name)`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script, path], {
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  return stdout
}

test('the lock of a folder has one name, whoever takes it and by whatever path', async () => {
  const folder = await mkdtemp(join(base, 'a-'))
  await symlink(folder, join(base, 'link'))
  const names = [await nameOf(folder), await nameOf(folder), await nameOf(join(base, 'link')), nameElsewhere(folder)]
  expect(names[0]).toMatch(/^[\w-]{20,64}$/)
  expect(new Set(names).size).toBe(1)
})

test('a copy of the folder has a lock of another name', async () => {
  const folder = await mkdtemp(join(base, 'a-'))
  await cp(folder, join(base, 'copy'), { recursive: true, preserveTimestamps: true })
  expect(await nameOf(join(base, 'copy'))).not.toBe(await nameOf(folder))
})
