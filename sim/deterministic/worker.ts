// A process that runs the seeds that it is sent, one after another, and tells what came of each.
import type { Flavour } from './mix.ts'
import { runSeed } from './run.ts'

// Faults are many, and nobody reads where they come from: `npm run sim -- --seed` shows it.
Error.stackTraceLimit = 0

process.on('disconnect', () => process.exit(0))
process.on('message', ({ seed, flavour }: { seed: number; flavour?: Flavour }) => {
  runSeed(seed, undefined, flavour).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ seed, crashed: error instanceof Error ? (error.stack ?? '') : String(error) }),
  )
})
