// `npm run test:long`: what `npm test` leaves out because it boots many machines, or slow ones (*.long.test.ts).
import { longParts } from '../parts.ts'
import { testRun } from '../test-run.ts'

await testRun({ purpose: 'long', quick: false, parts: longParts })
