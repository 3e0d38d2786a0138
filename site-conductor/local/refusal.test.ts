// When a person at the site may act: the lease must be over by either clock.
import { expect, test } from 'vitest'
import { FakeEnv } from '../testing/fake-env.ts'
import { moment } from '../link/span.ts'
import { whyNotLocally } from './refusal.ts'

function down() {
  const env = new FakeEnv()
  const link = { connected: false, down: moment(env), leaseMs: 15_000 }
  let leaseLeftMs = 0
  const why = () => whyNotLocally(env, link, { leaseLeft: () => leaseLeftMs })
  return { env, link, why, lease: (ms: number) => void (leaseLeftMs = ms) }
}

test('a clock that is set back does not lock anybody out', () => {
  const { env, why } = down()
  env.pause(-3_600_000)
  expect(why()).toContain('15 s are left')
  env.advance(15_000)
  expect(why()).toBeUndefined()
})

test('nor does a monotonic clock that stood still while the machine was paused', () => {
  const { env, why } = down()
  env.pause(15_000)
  expect(why()).toBeUndefined()
})

test('while there is a link, or a lease, nothing is done', () => {
  const { env, link, why, lease } = down()
  env.advance(15_000)
  lease(2_000)
  expect(why()).toContain('2 s are left')
  lease(0)
  link.connected = true
  expect(why()).toContain('the cloud is connected')
})
