import { readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryFolder } from '../../agent/testing.ts'
import { systemEnv } from '../../shared/env.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import { DeployLogs, logsName } from './deploy-logs.ts'

const archive = (bytes: number) => Buffer.alloc(bytes)

test('of more files than there may be the oldest go, and of more bytes', async () => {
  await using kept = await temporaryFolder()
  const folder = join(kept.path, 'deep', 'logs')
  const bounds = { folder, collect: 'on_failure' as const, maxBytes: 100, maxFiles: 3 }
  const logs = new DeployLogs(bounds)
  let at = 0
  const add = async (name: string, bytes: number) => {
    const path = await logs.keep(`${name}.tar.gz`, archive(bytes))
    expect(path).toBe(join(folder, `${name}.tar.gz`))
    await utimes(path, ++at, at)
    return (await readdir(folder)).toSorted()
  }
  await add('c', 10)
  await add('b', 10)
  expect(await add('a', 10)).toEqual(['a.tar.gz', 'b.tar.gz', 'c.tar.gz'])
  expect(await add('d', 10)).toEqual(['a.tar.gz', 'b.tar.gz', 'd.tar.gz'])
  expect(await add('e', 85)).toEqual(['d.tar.gz', 'e.tar.gz'])
  await expect(add('f', 101)).rejects.toThrow('more than may be kept')
  expect(await readdir(folder)).toHaveLength(2)
})

test('work that fails on many machines at once keeps no more files than there may be', async () => {
  await using kept = await temporaryFolder()
  const logs = new DeployLogs({ folder: kept.path, collect: 'on_failure', maxBytes: 1000, maxFiles: 3 })
  const names = Array.from({ length: 30 }, (_, i) => `${String(i).padStart(2, '0')}.tar.gz`)
  await Promise.all(names.map((name) => logs.keep(name, archive(10))))
  expect(await readdir(kept.path)).toHaveLength(3)
})

test('they are named as Ironic names them', () => {
  const node = fakeGrant('1be26c0b-03f2-4d2e-ae87-c02d7f33c123', { name: 'rack7/../n1' })
  const env = { ...systemEnv, now: () => Date.UTC(2026, 10, 26, 9, 5, 7) }
  const named = (kind: string, context: Record<string, unknown>) =>
    logsName({ node, env, task: { id: 't', kind, at: 0, epoch: 1, context } })
  expect(named('clean', {})).toBe(`${node.node}_rack7-..-n1_cleaning_2026-11-26-09-05-07.tar.gz`)
  expect(named('deploy', { instance_uuid: 'i' })).toBe(`${node.node}_rack7-..-n1_i_2026-11-26-09-05-07.tar.gz`)
})
