// The benchmark's arithmetic on evidence that was recorded on the rack (a busy machine: the figures are no good, their sums are).
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { IRONIC, IRONIC_TUNED } from './ironic.ts'
import { type Evidence, intervalsOf, median, PHASES, sumOf } from './phases.ts'
import { page, report, summarise } from './report.ts'
import { waterfall } from './waterfall.ts'

const recorded = JSON.parse(
  readFileSync(new URL('testdata/rack-busy-2026-11-25.json', import.meta.url), 'utf8'),
) as Evidence

test('the intervals of a deployment follow each other and add up to the time from the verb to the system', () => {
  const intervals = intervalsOf(recorded)
  let endS = 0
  for (const each of intervals) {
    expect(each.startS).toBe(endS)
    expect(each.endS).toBeGreaterThanOrEqual(each.startS)
    endS = each.endS
  }
  const up = recorded.console.find(({ line }) => line.includes('FERRULE-OS-UP'))!
  expect(endS).toBeCloseTo((up.atMs - recorded.verbAtMs) / 1000, 6)
  const kinds = (['firmware', 'transfer', 'agent', 'overhead'] as const).map((kind) => sumOf(intervals, { kind }))
  expect(kinds.reduce((sum, each) => sum + each, 0)).toBeCloseTo(endS, 6)
  expect(new Set(intervals.map(({ row }) => row)).size, 'every row has a moment').toBe(PHASES.length)
})

test('moments come from whom they belong to', () => {
  const intervals = intervalsOf(recorded)
  const [firstOn, off, secondOn] = recorded.power
  const seconds = (atMs = Number.NaN) => (atMs - recorded.verbAtMs) / 1000
  expect([firstOn?.event, off?.event, secondOn?.event]).toEqual(['on', 'off', 'on'])
  expect(intervals.find(({ to }) => to === 'machine on')?.endS).toBeCloseTo(seconds(firstOn?.atMs), 6)
  expect(sumOf(intervals, { row: 14 })).toBeCloseTo(seconds(secondOn?.atMs) - seconds(off?.atMs), 6)
  expect(sumOf(intervals, { row: 9 })).toBeCloseTo((recorded.image.endMs - recorded.image.startMs) / 1000, 6)
})

test.each([
  ['power off 1', { power: recorded.power.filter(({ event }) => event !== 'off') }],
  ['agent.lookup', { timeline: recorded.timeline.filter(({ type }) => type !== 'agent.lookup') }],
  ['boot flags 1', { bmc: [] }],
  ['console /FERRULE-OS-UP/', { console: recorded.console.filter(({ line }) => !line.includes('OS-UP')) }],
])('a deployment without %s in its evidence is refused by name', (what, less) => {
  expect(() => intervalsOf({ ...recorded, ...less })).toThrow(what)
})

test('a moment that comes before the one that it follows is refused, not made to fit', () => {
  const late = (ms: number) => {
    const lookup = recorded.timeline.find(({ type }) => type === 'agent.lookup')!
    const call = recorded.timeline.find(({ type }) => type === 'agent.call')!
    const timeline = recorded.timeline.map((each) => (each === call ? { ...each, atMs: lookup.atMs - ms } : each))
    return () => intervalsOf({ ...recorded, timeline })
  }
  expect(late(40)).not.toThrow()
  expect(late(60)).toThrow('"first heartbeat" was 60 ms before "lookup"')
})

test("Ironic's sums are those of its runs", () => {
  expect(IRONIC.totalS).toBeCloseTo(133.43, 2)
  expect(IRONIC.sums.overhead).toBeCloseTo(57.64, 2)
  expect(IRONIC_TUNED.totalS).toBeCloseTo(94.13, 2)
  expect(IRONIC_TUNED.sums.overhead).toBeCloseTo(12.77, 2)
})

test('a median is a value that was measured', () => {
  expect([median([3, 1, 2]), median([4, 1]), median([7])]).toEqual([2, 1, 7])
})

test('table, page and picture hold every phase, and the same evidence gives the same bytes', () => {
  const make = () => {
    const runs = [{ intervals: intervalsOf(recorded), loadBefore: 5 }]
    const ours = summarise(runs)
    return [report(ours, runs), page(ours, runs), waterfall(ours, [IRONIC_TUNED, IRONIC])]
  }
  const made = make()
  expect(make()).toEqual(made)
  for (const text of made) {
    expect(text).not.toMatch(/NaN|undefined|Infinity/)
    for (const { what } of PHASES) expect(text).toContain(what)
  }
})
