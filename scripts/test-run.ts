// A run of tests, quick or long: sets itself up, runs its parts one after the other, prints the seconds of each test file and a closing line.
import { mkdirSync, rmSync } from 'node:fs'
import { ensureDebianPackages, type Purpose } from './debian.ts'
import { quickParts, UNIT_REPORT, type ReportingPart } from './parts.ts'
import { onShutdown } from './shutdown.ts'
import { runPart } from './steps.ts'
import { readReport, type Counts } from './vitest-report.ts'

export interface TestRun {
  readonly purpose: Purpose
  /** Run the quick part first. */
  readonly quick: boolean
  readonly parts: readonly ReportingPart[]
}

/** Runs to the end of the process: exit code 0 when everything passed. */
export async function testRun({ purpose, quick, parts }: TestRun): Promise<never> {
  console.log(`Node ${process.version}`)
  onShutdown(() => undefined)
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 }
  const files: { name: string; seconds: number }[] = []
  try {
    ensureDebianPackages(purpose, console.log)
  } catch (error) {
    console.error((error as Error).message)
    process.exit(1)
  }
  mkdirSync('.cache/reports', { recursive: true })
  for (const report of [UNIT_REPORT, ...parts.map((part) => part.report)]) rmSync(report, { force: true })

  if (quick) {
    let unitOk = true
    for (const result of await Promise.all(quickParts.map(runPart))) {
      if (result.name === 'unit tests') unitOk = result.ok
      else if (result.ok) counts.passed++
      else counts.failed++
    }
    const failedBefore = counts.failed
    readReport(UNIT_REPORT, counts, files)
    if (!unitOk && counts.failed === failedBefore) counts.failed += 1 // an unhandled error, a worker that died
  }
  for (const part of parts) {
    const failedBefore = counts.failed
    const result = await runPart(part)
    readReport(part.report, counts, files)
    if (!result.ok && counts.failed === failedBefore) counts.failed += 1 // an unhandled error, a worker that died
  }

  console.log('\nSeconds per test file (above 1 s):')
  for (const { name, seconds } of files.sort((a, b) => b.seconds - a.seconds))
    if (seconds > 1) console.log(`${seconds.toFixed(1).padStart(7)}  ${name}`)
  console.log(
    `\n${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`,
  )
  process.exit(counts.failed > 0 || counts.skipped > 0 ? 1 : 0)
}
