// A few of the stops that `npm run bench -- stalls` does a thousand times; and the judge of their logs, which must find what is wrong.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { LogEntry } from '../sim/bmc/log.ts'
import { judgeLog, noStalls, stallLane } from '../sim/kills/stalls.ts'

const STALLS = 4
/** Longer than in the benchmark, so that a busy host does not end leases by itself. */
const LEASE_MS = 1000
const STOPPED_MS = 4500

test.concurrent(
  'a conductor that is stopped for longer than its lease in the middle of its steps changes nothing when it goes on',
  { timeout: 180_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'ferrule-story-'))
    await using things = new AsyncDisposableStack()
    things.defer(() => rm(folder, { recursive: true, force: true }))
    const sum = noStalls()
    let begun = 0
    await stallLane(folder, { leaseMs: LEASE_MS, stoppedMs: STOPPED_MS, seed: 7 }, sum, () => begun++ < STALLS)
    expect(sum.count).toBe(STALLS)
    expect(sum.taken, 'another conductor finished what the stopped one had begun').toBeGreaterThan(0)
  },
)

test('the judge sees a second change, and a session that acts after a newer one', () => {
  const entry = (session: number, number: number, command: string, detail: string): LogEntry => {
    return { atMs: 0, session, number, command, detail, user: 'admin', privilege: 4 }
  }
  const opened = [
    entry(1, 0, 'Set Session Privilege Level', 'level 4'),
    entry(2, 0, 'Set Session Privilege Level', 'level 4'),
  ]
  const act = (session: number, number: number, detail = 'on') => entry(session, number, 'Chassis Control', detail)
  expect(() => judgeLog([...opened, act(2, 5), act(2, 5), act(1, 3, 'on refused 0xd4')], 0)).not.toThrow()
  expect(() => judgeLog([...opened, act(2, 5), act(1, 3)], 0)).toThrow('told 2 times')
  expect(() => judgeLog([...opened, act(2, 5), act(2, 6)], 0)).toThrow('told 2 times')
  expect(() => judgeLog(opened, 0)).toThrow('told 0 times')
})
