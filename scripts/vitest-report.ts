// Vitest's JSON reports: counts for the closing line, and the seconds of each test file. Written, too, for a part that is not vitest's.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'

export interface Counts {
  passed: number
  failed: number
  skipped: number
}

interface Report {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numTodoTests: number
  numFailedTestSuites: number
  testResults: { name: string; startTime: number; endTime: number; status: string }[]
}

/** Adds a report's counts; a suite that could not even load counts as one failure. */
export function readReport(file: string, counts: Counts, files: { name: string; seconds: number }[]): void {
  if (!existsSync(file)) {
    counts.failed += 1
    return
  }
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report
  counts.passed += report.numPassedTests
  counts.failed += report.numFailedTests
  counts.skipped += report.numPendingTests + report.numTodoTests
  if (report.numFailedTests === 0 && report.testResults.some((result) => result.status === 'failed')) counts.failed += 1
  for (const { name, startTime, endTime } of report.testResults) {
    files.push({ name: relative(process.cwd(), name), seconds: (endTime - startTime) / 1000 })
  }
}

/** A report of one file's tests. */
export function writeReport(file: string, { passed, failed, skipped }: Counts, result: Report['testResults'][0]): void {
  const counts = { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped, numTodoTests: 0 }
  const report: Report = { ...counts, numFailedTestSuites: failed > 0 ? 1 : 0, testResults: [result] }
  writeFileSync(file, JSON.stringify(report))
}
