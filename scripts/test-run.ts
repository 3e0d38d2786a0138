// A run of tests, quick or long: sets itself up, runs its parts one after the other, prints the seconds of each test file and a closing line.
import { mkdirSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { ensureDebianPackages, type Purpose } from './debian.ts'
import { quickParts, UNIT_REPORT, type ReportingPart } from './parts.ts'
import { onShutdown } from './shutdown.ts'
import { runPart } from './steps.ts'
import { BOOTS, countBoots, FILE_TIMES, readFileTimes } from './file-times.ts'
import { noCounts, readReport, type Counts } from './vitest-report.ts'

export interface TestRun {
  /** What Debian's packages are needed for; nothing by default. */
  readonly purpose?: Purpose
  /** Run the quick part first. */
  readonly quick: boolean
  readonly parts: readonly ReportingPart[]
}

/** Runs to the end of the process: exit code 0 when everything passed. */
export async function testRun({ purpose, quick, parts }: TestRun): Promise<never> {
  console.log(`Node ${process.version}`)
  onShutdown(() => undefined)
  const counts = noCounts()
  const files: { name: string; seconds: number }[] = []
  const read = (report: string, name: string, ok: boolean) => {
    const failedBefore = counts.failed
    readReport(report, counts, files)
    if (!ok && counts.failed === failedBefore)
      fail(counts, `${name}: an error outside of every test, or a worker that died`)
  }
  try {
    if (purpose !== undefined) ensureDebianPackages(purpose, console.log)
  } catch (error) {
    console.error((error as Error).message)
    process.exit(1)
  }
  mkdirSync('.cache/reports', { recursive: true })
  const reports = [UNIT_REPORT, FILE_TIMES, BOOTS, ...parts.map((part) => part.report)]
  for (const report of reports) rmSync(report, { force: true })
  process.env['FERRULE_BOOTS'] = resolve(BOOTS)

  if (quick) {
    let unitOk = true
    for (const result of await Promise.all(quickParts.map(runPart))) {
      if (result.name === 'unit tests') unitOk = result.ok
      else if (result.ok) counts.passed++
      else fail(counts, result.name)
    }
    read(UNIT_REPORT, 'unit tests', unitOk)
  }
  for (const part of parts) {
    const { name, ok } = await runPart(part)
    read(part.report, name, ok)
  }

  if (parts.length > 0) printTimes(files)
  if (counts.failures.length > 0) console.log(`\nFailed:\n${counts.failures.map((line) => `  ${line}`).join('\n')}`)
  console.log(
    `\n${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`,
  )
  process.exit(counts.failed > 0 || counts.skipped > 0 ? 1 : 0)
}

function fail(counts: Counts, what: string): void {
  counts.failed += 1
  counts.failures.push(what)
}

function printTimes(files: readonly { readonly name: string; readonly seconds: number }[]): void {
  const withHooks = readFileTimes()
  const rows = files
    .map(({ name, seconds }) => withHooks.get(name) ?? { name, seconds, boots: 0 })
    .filter(({ seconds }) => seconds > 1)
    .sort((a, b) => b.seconds - a.seconds)
  console.log('\nSeconds per test file (above 1 s), and machines that booted:')
  for (const { name, seconds, boots } of rows)
    console.log(`${seconds.toFixed(1).padStart(7)}  ${(boots > 0 ? String(boots) : '').padStart(3)}  ${name}`)
  if (countBoots() > 0) console.log(`${countBoots()} machines were booted`)
}
