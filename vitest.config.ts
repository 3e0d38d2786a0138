// Test projects. `unit` is quick and needs nothing but npm packages; `tools` talks to real Debian programs; `lab` boots machines.
// (Tests inside workerd live in cloud/hosts/workers/vitest.config.ts, since they need another pool.)
import { defineConfig } from 'vitest/config'

const exclude = ['**/node_modules/**', '**/*.tools.test.ts', '**/*.lab.test.ts', '**/*.workers.test.ts']

export default defineConfig({
  test: {
    projects: [
      {
        test: { name: 'unit', include: ['{shared,cloud,site-conductor,agent,sim,lab,scripts}/**/*.test.ts'], exclude },
      },
      { test: { name: 'story', include: ['e2e/**/*.test.ts'], exclude, testTimeout: 60_000 } },
      {
        test: { name: 'tools', include: ['**/*.tools.test.ts'], exclude: ['**/node_modules/**'], testTimeout: 60_000 },
      },
      {
        test: {
          name: 'lab',
          include: ['**/*.lab.test.ts'],
          exclude: ['**/node_modules/**'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
