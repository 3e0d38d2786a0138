// `#test-site` on Node.
import type { StartTestSite } from '../test-site.ts'
import * as node from './test-host.ts'

// Suites see no more of it than what every host has.
export const startTestSite: StartTestSite = node.startTestSite
