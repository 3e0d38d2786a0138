import { expect, test } from 'vitest'
import { type InstallerReport, InstallerReports } from './installer-reports.ts'

const start: InstallerReport = { status: 'start', message: '' }
const end: InstallerReport = { status: 'end', message: '' }
const never = new AbortController().signal

test('a report counts when it is on record, and the first end is the last word', async () => {
  const recorded: string[] = []
  const gate = Promise.withResolvers<void>()
  const reports = new InstallerReports(async ({ status }) => {
    await gate.promise
    recorded.push(status)
  })
  const first = reports.next('any', never)
  const last = reports.next('last', never)
  const told = [reports.add(start), reports.add(end), reports.add({ status: 'error', message: 'late' })]
  const early = await Promise.race([first, Promise.resolve('not yet')])
  gate.resolve()
  await Promise.all(told)
  expect([early, await first, await last]).toEqual(['not yet', start, end])
  expect(recorded).toEqual(['start', 'end'])
})

test('a report that could not be put on record is refused, and counts when it is told again', async () => {
  let fails = true
  const reports = new InstallerReports(async () => {
    if (fails) throw new Error('the disk is full')
  })
  await expect(reports.add(end)).rejects.toThrow('the disk is full')
  fails = false
  await reports.add(end)
  expect(await reports.next('last', never)).toEqual(end)
})

test('what an earlier run heard is known', async () => {
  const reports = new InstallerReports(async () => {}, end)
  expect(await reports.next('last', never)).toEqual(end)
})
