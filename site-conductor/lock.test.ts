// The name that a data folder's lock has for the hub: the same for whoever holds it next, another wherever another process could hold one.
import { spawnSync } from 'node:child_process'
import { cp, mkdtemp, realpath, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fakeSite } from './testing/fake-site.ts'
import { lockFolder } from './lock.ts'

/** As long as hello takes it. */
const NAME = /^[\w-]{20,64}$/

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
  expect(names[0]).toMatch(NAME)
  expect(new Set(names).size).toBe(1)
})

test('a copy of the folder has a lock of another name', async () => {
  const folder = await mkdtemp(join(base, 'a-'))
  await cp(folder, join(base, 'copy'), { recursive: true, preserveTimestamps: true })
  expect(await nameOf(join(base, 'copy'))).not.toBe(await nameOf(folder))
})

test('hello names the lock that is held: after a restart the same, of a copy of the folder another', async () => {
  const site = await fakeSite()
  const copy = join(base, 'copy')
  await cp(site.dataDir, copy, { recursive: true })
  const { hub } = site
  try {
    for (const [count, folder] of [site.dataDir, site.dataDir, copy].entries()) {
      const conductor = await site.start({}, folder)
      await hub.until(() => hub.all('hello').length > count)
      await conductor.close()
    }
    const [first, restarted, copied] = hub.all('hello').map(({ lock }) => lock)
    expect(first).toMatch(NAME)
    expect(restarted).toBe(first)
    expect(copied).toMatch(NAME)
    expect(copied).not.toBe(first)
  } finally {
    await site.close()
  }
})
