// `npm run check`: the quick part, under half a minute: types, import rules, lint, format, generated files, unit tests.
import { mkdirSync, rmSync } from 'node:fs'
import { quickParts, UNIT_REPORT } from '../parts.ts'
import { runPart } from '../steps.ts'
import { readReport, type Counts } from '../vitest-report.ts'

console.log(`Node ${process.version}`)
mkdirSync('.cache/reports', { recursive: true })
rmSync(UNIT_REPORT, { force: true })
const counts: Counts = { passed: 0, failed: 0, skipped: 0 }
let unitOk = true
for (const result of await Promise.all(quickParts.map(runPart))) {
  if (result.name === 'unit tests') unitOk = result.ok
  else if (result.ok) counts.passed++
  else counts.failed++
}
const failedBefore = counts.failed
readReport(UNIT_REPORT, counts, [])
if (!unitOk && counts.failed === failedBefore) counts.failed += 1 // an unhandled error, a worker that died
console.log(
  `${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`,
)
process.exit(counts.failed > 0 || counts.skipped > 0 ? 1 : 0)
