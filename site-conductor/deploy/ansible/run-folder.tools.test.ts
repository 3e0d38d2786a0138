// What is on this host while a playbook runs goes with it: a key that opens a machine, and what its variables say.
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sweepRuns, withRunFolder } from './run-folder.ts'

let data: string
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'ferrule-runs-'))
})
afterEach(async () => {
  await rm(data, { recursive: true })
})

test('a key is there while its run is, for this user alone, and not when that has ended or failed', async () => {
  const folder = join(data, 'ansible', 'node')
  const seen = await withRunFolder(folder, undefined, async ({ file, publicKey }) => {
    await writeFile(join(folder, 'variables.json'), '{}')
    return { publicKey, mode: (await stat(folder)).mode & 0o777, isThere: existsSync(file) }
  })
  expect(seen).toEqual({ publicKey: expect.stringMatching(/^ssh-ed25519 \S+$/), mode: 0o700, isThere: true })
  expect(existsSync(folder)).toBe(false)
  const failed = withRunFolder(folder, undefined, async () => {
    throw new Error('the playbook failed')
  })
  await expect(failed).rejects.toThrow('the playbook failed')
  expect(existsSync(folder)).toBe(false)
})

test('a key file that holds no key leaves nothing either', async () => {
  const given = join(data, 'key')
  await writeFile(given, 'no key')
  await expect(withRunFolder(join(data, 'ansible', 'node'), given, async () => {})).rejects.toMatchObject({
    fault: { code: 'driver.invalid_info' },
  })
  expect(await readdir(join(data, 'ansible'))).toEqual([])
  expect(existsSync(given), "the operator's own stays").toBe(true)
})

test('what a conductor that was killed has left goes when the next one starts', async () => {
  await mkdir(join(data, 'ansible', 'node'), { recursive: true })
  await sweepRuns(data)
  expect(await readdir(data)).toEqual([])
})
