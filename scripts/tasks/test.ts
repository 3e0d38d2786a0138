// `npm test`: everything but what takes long: the quick part, then the rest.
import { fullParts } from '../parts.ts'
import { testRun } from '../test-run.ts'

await testRun({ purpose: 'tests', quick: true, parts: fullParts })
