// What of the files that boots are made from goes when there is no room, or nobody needs it any more.
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { KeptFolder } from './kept-folder.ts'

const KIB = 1024
const HOUR = 3_600_000
let folder: string
const served = new Set<string>()
const at = (name: string) => join(folder, name)
const kept = (maxBytes = 100 * KIB) => new KeptFolder({ folder, maxBytes, isServed: (path) => served.has(path) })
const there = () => readdirSync(folder).toSorted()

beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'ferrule-kept-'))))
afterEach(() => {
  served.clear()
  rmSync(folder, { recursive: true, force: true })
})

/** Made ten days ago, and used last so many hours ago. */
async function file(name: string, kib: number, usedHoursAgo: number): Promise<void> {
  writeFileSync(at(name), Buffer.alloc(kib * KIB, 1))
  const ago = (hours: number) => new Date(Date.now() - hours * HOUR)
  utimesSync(at(name), ago(240), ago(240))
  expect(await kept().use(at(name))).toBe(true)
  utimesSync(at(`${name}.used`), ago(usedHoursAgo), ago(usedHoursAgo))
}

test('what was used longest ago goes first, and no more than needs to', async () => {
  await file('a', 40, 3)
  await file('b', 40, 2)
  await kept().reserve(at('c'), 50 * KIB)
  expect(there()).toEqual(['b', 'b.used'])
})

test('what is served stays, and so does what was just handed out', async () => {
  await file('a', 40, 3)
  await file('b', 40, 0)
  served.add(at('a'))
  await expect(kept().reserve(at('c'), 50 * KIB)).rejects.toMatchObject({
    fault: { code: 'unavailable', hint: expect.stringContaining('bootCacheGiB') },
  })
  expect(there()).toEqual(['a', 'a.used', 'b', 'b.used'])
})

test('what nobody has used for a week goes, unless it is served', async () => {
  for (const name of ['a', 'b', 'c']) await file(name, 4, name === 'c' ? 100 : 200)
  served.add(at('a'))
  await kept().reserve(at('d'), 4 * KIB)
  expect(there()).toEqual(['a', 'a.used', 'c', 'c.used'])
})

test('two that are made at once do not take more than there is', async () => {
  const one = kept()
  const wanted = await Promise.allSettled(['a', 'b'].map((name) => one.reserve(at(name), 60 * KIB)))
  expect(wanted.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  one.settle(at('a'))
  await one.reserve(at('b'), 60 * KIB)
})

test('what is not there cannot be used', async () => {
  expect(await kept().use(at('a'))).toBe(false)
  expect(there()).toEqual([])
})
