// Test projects. `unit` is quick and needs nothing but npm packages; `tools` talks to real Debian programs; `lab` boots machines,
// `long` many more of them, and slow ones (CONTRIBUTING.md says which).
// (Tests inside workerd live in cloud/hosts/workers/vitest.config.ts, since they need another pool.)
import { defineConfig } from 'vitest/config'

const exclude = [
  '**/node_modules/**',
  '**/*.tools.test.ts',
  '**/*.lab.test.ts',
  '**/*.long.test.ts',
  '**/*.workers.test.ts',
]

export default defineConfig({
  test: {
    // Most tests wait for sockets and timers, not for a core.
    maxWorkers: 5,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{shared,cloud,site-conductor,agent,sim,lab,scripts}/**/*.test.ts'],
          exclude: [...exclude, '**/*.slow.test.ts'],
          // One module graph per worker: unit tests keep no state in modules, and imports would be most of their time.
          isolate: false,
          // They share two cores with each other and with the linter.
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'story',
          include: ['e2e/**/*.test.ts', '**/*.slow.test.ts'],
          exclude,
          maxWorkers: 3,
          testTimeout: 60_000,
        },
      },
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
      {
        test: {
          name: 'long',
          include: ['**/*.long.test.ts'],
          exclude: ['**/node_modules/**'],
          testTimeout: 1_800_000,
          hookTimeout: 1_800_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
