// Tests inside workerd: `vitest run --config cloud/hosts/workers/vitest.config.ts` from the repository's root.
import { fileURLToPath } from 'node:url'
import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { defineConfig } from 'vitest/config'

const root = fileURLToPath(new URL('../../..', import.meta.url))
process.env['CLOUDFLARE_CF_FETCH_ENABLED'] = 'false'
process.env['WRANGLER_SEND_METRICS'] = 'false'

export default defineConfig({
  root,
  plugins: [
    cloudflareTest(({ inject }) => ({
      wrangler: { configPath: `${root}wrangler.toml` },
      miniflare: { bindings: { DIRECTORY_URL: inject('database'), ORGANISATION_URL: inject('database') } },
    })),
  ],
  test: {
    name: 'workers',
    include: ['cloud/hosts/workers/**/*.workers.test.ts'],
    globalSetup: ['cloud/hosts/workers/global-setup.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
})
