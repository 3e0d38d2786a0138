// `npm run check`: the quick part, under half a minute: types, import rules, lint, format, generated files, unit tests.
import { mkdirSync, rmSync } from 'node:fs'
import { quickParts, UNIT_REPORT } from '../parts.ts'
import { runPart } from '../steps.ts'
import { readReport, type Counts } from '../vitest-report.ts'

console.log(`Node ${process.version}`)
mkdirSync('.cache/reports', { recursive: true })
rmSync(UNIT_REPORT, { force: true })
const counts: Counts = { passed: 0, failed: 0, skipped: 0 }
for (const result of await Promise.all(quickParts.map(runPart))) {
  if (result.name === 'unit tests') continue
  if (result.ok) counts.passed++
  else counts.failed++
}
readReport(UNIT_REPORT, counts, [])
console.log(
  `${counts.passed} passed, ${counts.failed} failed${counts.skipped > 0 ? `, ${counts.skipped} skipped` : ''}`,
)
process.exit(counts.failed > 0 || counts.skipped > 0 ? 1 : 0)
