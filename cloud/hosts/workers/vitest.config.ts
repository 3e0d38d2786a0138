// Tests inside workerd: `vitest run --config cloud/hosts/workers/vitest.config.ts` from the repository's root. Those of this folder, and
// every suite that asks for `#test-site`: it runs on Node too.
import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'
import { DIRECTORY } from './provided.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
process.env['CLOUDFLARE_CF_FETCH_ENABLED'] = 'false'
process.env['WRANGLER_SEND_METRICS'] = 'false'

const suites = globSync('cloud/**/*.test.ts', { cwd: root }).filter((path) =>
  readFileSync(`${root}${path}`, 'utf8').includes("from '#test-site'"),
)
/** Which random requests suites send, by their seeds: fewer than on Node, where each is cheaper. Bindings are what they have of an environment. */
const fuzz = {
  FERRULE_FUZZ_RUNS: '1',
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('FERRULE_FUZZ_'))),
}

export default defineConfig({
  root,
  plugins: [
    cloudflareTest(({ inject }) => ({
      wrangler: { configPath: `${root}wrangler.toml` },
      miniflare: {
        bindings: {
          ...fuzz,
          // As on Node's test host: suites that want to wait say so.
          LOCK_WAIT_MS: '0',
          DIRECTORY_URL: inject('database').replace('{organisation}', DIRECTORY),
          ORGANISATION_URL: inject('database'),
        },
      },
    })),
  ],
  test: {
    name: 'workers',
    include: ['cloud/hosts/workers/**/*.workers.test.ts', ...suites],
    globalSetup: ['cloud/hosts/workers/global-setup.ts'],
    // What a Worker logs is of use when a test fails.
    silent: 'passed-only',
    // One after another in one workerd: suites share its bucket and its database server.
    isolate: false,
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
