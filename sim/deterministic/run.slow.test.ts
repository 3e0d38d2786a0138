// The simulator itself: the same seed is the same history, different seeds are different ones, it runs production code, and a few seeds hold.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { AIMED_FLAVOURS } from './mix.ts'
import { runSeed } from './run.ts'

// A run is a second of computing; the processors may have other things to do.
vi.setConfig({ testTimeout: 120_000 })

test('a seed gives the same history to the byte, and another seed another one', async () => {
  const lines: string[][] = [[], []]
  const first = await runSeed(7, (line) => lines[0]!.push(line))
  const again = await runSeed(7, (line) => lines[1]!.push(line))
  expect(lines[1]).toEqual(lines[0])
  expect(again.trace).toEqual(first.trace)
  expect((await runSeed(8)).trace.sha256).not.toBe(first.trace.sha256)
})

test('faults happen, machines are deployed, and every invariant holds', async () => {
  const lines: string[] = []
  let tasks = 0
  for (const seed of [1, 5, 7, 10, 11, 12]) {
    const { violations, counts } = await runSeed(seed, (line) => lines.push(line))
    expect(violations, `npm run sim -- --seed ${seed} --trace`).toEqual([])
    tasks += counts.tasks
  }
  expect(tasks).toBeGreaterThan(100)
  const story = lines.join('\n')
  for (const what of ['conductor.pause', 'wan.cut', 'evicted', 'database: unanswered', 'the agent is up', 'task done'])
    expect(story).toContain(what)
})

test.each(AIMED_FLAVOURS)('every invariant holds in a history that is about one thing: %s', async (flavour) => {
  const { violations, counts } = await runSeed(1, undefined, flavour)
  expect(violations, `npm run sim -- --seed 1 --flavour ${flavour} --trace`).toEqual([])
  expect(counts.mutations).toBeGreaterThan(0)
})

test('what is simulated is what runs in production: nothing of the protocol is defined here', () => {
  const own =
    /class (SiteHub|Turns?|Link|Run|Tasks|Journal|Grants|Authority|Questions|Reports)\b|TRANSITIONS\s*=|function (plan|next)\(/
  for (const file of globSync('*.ts', { cwd: import.meta.dirname })) {
    if (file.endsWith('.test.ts')) continue
    expect(readFileSync(join(import.meta.dirname, file), 'utf8'), file).not.toMatch(own)
  }
})
