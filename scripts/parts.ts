// The parts of `npm run check`, `npm test` and `npm run test:long`, in one place.
import type { Part } from './steps.ts'

/** As many as two processors run in five minutes when they have nothing else to do. */
const SEEDS = 2000

export const UNIT_REPORT = '.cache/reports/unit.json'

const vitest = (project: string, report: string, ...more: string[]): Part['command'] => [
  'vitest', 'run', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`,
  '--reporter=./scripts/file-times.ts', ...more,
] // prettier-ignore

export const quickParts: readonly Part[] = [
  { name: 'types', command: ['tsc', '-b', '--pretty', 'false'] },
  { name: 'import rules', command: [process.execPath, 'scripts/imports.ts'] },
  { name: 'lint', command: ['oxlint', '--type-aware'] },
  { name: 'format', command: ['oxfmt', '--check'] },
  { name: 'generated docs', command: [process.execPath, 'scripts/tasks/docs.ts', '--check'] },
  { name: 'unit tests', command: vitest('unit', UNIT_REPORT) },
]

/** A part whose counts are in a vitest report. */
export type ReportingPart = Part & { readonly report: string }

/** The rest of `npm test`, in this order: cheap before dear. */
export const fullParts: readonly ReportingPart[] = [
  {
    name: 'stories on simulated hardware',
    report: '.cache/reports/story.json',
    command: vitest('story', '.cache/reports/story.json'),
    live: true,
  },
  {
    name: 'simulated histories',
    report: '.cache/reports/sim.json',
    command: [
      process.execPath,
      'scripts/tasks/sim.ts',
      '--seeds',
      String(SEEDS),
      '--report',
      '.cache/reports/sim.json',
    ],
    live: true,
  },
  {
    name: 'tests inside workerd',
    report: '.cache/reports/workers.json',
    command: [
      'vitest', 'run', '--config', 'cloud/hosts/workers/vitest.config.ts', '--reporter=default', '--reporter=json',
      '--outputFile.json=.cache/reports/workers.json',
    ], // prettier-ignore
    live: true,
  },
  {
    name: 'tests against real tools',
    report: '.cache/reports/tools.json',
    command: vitest('tools', '.cache/reports/tools.json'),
    live: true,
  },
  {
    name: 'tests on the virtual rack',
    report: '.cache/reports/lab.json',
    command: vitest('lab', '.cache/reports/lab.json'),
    live: true,
  },
]

/** `npm run test:long`. */
export const longParts: readonly ReportingPart[] = [
  {
    name: 'long tests on the virtual rack',
    report: '.cache/reports/long.json',
    command: vitest('long', '.cache/reports/long.json'),
    live: true,
  },
]
