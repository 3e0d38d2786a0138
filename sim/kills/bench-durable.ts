// SIGKILL of the cloud at random moments under load (R10). What was acknowledged and is not there is an error, with the node's name.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { startSimCloud } from '../cloud.ts'
import { DurableRounds } from './durable.ts'
import { numbers } from './options.ts'

/** `--kills N`, `--seed N`. The default takes about seven minutes on two cores. */
export async function run(args: readonly string[]) {
  const { kills, seed } = numbers(args, { kills: 200, seed: 1 })
  const folder = await mkdtemp(`${tmpdir()}/ferrule-bench-`)
  await using things = new AsyncDisposableStack()
  things.defer(() => rm(folder, { recursive: true, force: true }))
  const cloud = await startSimCloud({ dataDir: folder, as: 'process', onLog: () => {} })
  things.defer(() => cloud.close())
  const rounds = await DurableRounds.start(cloud, seed)
  for (let i = 0; i < kills; i++) await rounds.kill()
  await rounds.final()
  const { kills: done, unanswered, ...acknowledged } = rounds.acknowledged
  const counts = Object.entries(acknowledged).map(([what, count]) => `${count} ${what}`)
  return {
    name: 'durable',
    figure: 0,
    unit: `acknowledged changes lost in ${done} kills`,
    anchor: null,
    anchorName: 'none',
    ratio: null,
    goal: 0,
    floor: 0,
    smallerIsBetter: true,
    text: `${done} kills, seed ${seed}; acknowledged and there: ${counts.join(', ')}; ${unanswered} requests were not answered`,
  }
}
