// A process that runs the seeds that it is sent, one after another, and tells what came of each.
import { runSeed } from './run.ts'

process.on('disconnect', () => process.exit(0))
process.on('message', (seed: number) => {
  runSeed(seed).then(
    (result) => process.send?.(result),
    (error: unknown) => process.send?.({ seed, crashed: error instanceof Error ? (error.stack ?? '') : String(error) }),
  )
})
