// The cloud is killed under load a few times; `npm run bench -- durable` does it two hundred times. What was acknowledged is there.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startSimCloud } from '../sim/cloud.ts'
import { DurableRounds } from '../sim/kills/durable.ts'

const KILLS = 5

test.concurrent('a cloud that is killed under load keeps what it has acknowledged', { timeout: 180_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ferrule-story-'))
  await using things = new AsyncDisposableStack()
  things.defer(() => rm(folder, { recursive: true, force: true }))
  const cloud = await startSimCloud({ dataDir: folder, as: 'process', onLog: () => {} })
  things.defer(() => cloud.close())
  const rounds = await DurableRounds.start(cloud, 5)
  for (let i = 0; i < KILLS; i++) await rounds.kill()
  await rounds.final()
  const { kills, creates, unanswered } = rounds.acknowledged
  expect(kills).toBe(KILLS)
  expect(creates).toBeGreaterThan(0)
  expect(unanswered, 'requests were under way when it was killed').toBeGreaterThan(0)
})
