// Vitest's JSON reports: counts for the closing line, and the seconds of each test file. Written, too, for a part that is not vitest's.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'

export interface Counts {
  passed: number
  failed: number
  skipped: number
  /** What failed, a line each, to be read again at the end of the output. */
  readonly failures: string[]
}

export const noCounts = (): Counts => ({ passed: 0, failed: 0, skipped: 0, failures: [] })

interface Report {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  numTodoTests: number
  numFailedTestSuites: number
  testResults: {
    name: string
    startTime: number
    endTime: number
    status: string
    /** Of what went wrong outside of its tests. */
    message?: string
    assertionResults?: { fullName: string; status: string; failureMessages?: string[] | null }[]
  }[]
}

/** Adds a report's counts; a suite that could not even load counts as one failure. */
export function readReport(file: string, counts: Counts, files: { name: string; seconds: number }[]): void {
  if (!existsSync(file)) {
    counts.failed += 1
    counts.failures.push(`${file} was not written`)
    return
  }
  const report = JSON.parse(readFileSync(file, 'utf8')) as Report
  counts.passed += report.numPassedTests
  counts.failed += report.numFailedTests
  counts.skipped += report.numPendingTests + report.numTodoTests
  for (const { name, startTime, endTime, status, message = '', assertionResults = [] } of report.testResults) {
    const path = relative(process.cwd(), name)
    files.push({ name: path, seconds: (endTime - startTime) / 1000 })
    const failed = assertionResults.filter((test) => test.status === 'failed')
    for (const { fullName, failureMessages } of failed)
      counts.failures.push(`${path} > ${fullName}: ${firstLine(failureMessages?.[0] ?? '')}`)
    if (status === 'failed' && failed.length === 0) {
      counts.failed += 1
      counts.failures.push(`${path}, outside of its tests: ${firstLine(message)}`)
    }
  }
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]!
}

/** A report of one file's tests. */
export function writeReport(
  file: string,
  { passed, failed, skipped }: Omit<Counts, 'failures'>,
  result: Report['testResults'][0],
): void {
  const counts = { numPassedTests: passed, numFailedTests: failed, numPendingTests: skipped, numTodoTests: 0 }
  const report: Report = { ...counts, numFailedTestSuites: failed > 0 ? 1 : 0, testResults: [result] }
  writeFileSync(file, JSON.stringify(report))
}
