// `npm run check`: the quick part, under half a minute: types, import rules, lint, format, generated files, unit tests.
import { testRun } from '../test-run.ts'

await testRun({ quick: true, parts: [] })
