import { expect, test } from 'vitest'
import type { Env } from '../../shared/env.ts'
import { FaultError } from '../../shared/faults.ts'
import { Authority } from './authority.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import { Grants } from '../link/grants.ts'
import { moment } from '../link/span.ts'

/** A clock that stands still, and the timers that are set on it. */
function still(): Env & { readonly timers: Set<() => void> } {
  const timers = new Set<() => void>()
  return {
    timers,
    now: () => 1_000_000,
    mono: () => 1000,
    setTimer(_, run) {
      timers.add(run)
      return () => void timers.delete(run)
    },
    random: (length) => new Uint8Array(length),
  }
}

function granted(env: Env): { grants: Grants; authority: Authority } {
  const grants = new Grants(env)
  grants.startLease({ from: moment(env), ms: 15_000 })
  grants.add({ ...fakeGrant('n1'), epoch: 1 })
  return { grants, authority: new Authority(env, grants, grants.get('n1')!) }
}

test('a lapse within the tenure waits for the end of the tenure', () => {
  const env = still()
  const { grants, authority } = granted(env)
  authority.extendTenure({ from: moment(env), ms: 2_700_000 })
  grants.lapse()
  expect(authority.signal.aborted).toBe(false)
  expect(env.timers.size).toBe(1)
})

test('a lapse after the task has ended leaves no timer: a conductor that is stopped ends', () => {
  const env = still()
  const { grants, authority } = granted(env)
  authority.extendTenure({ from: moment(env), ms: 2_700_000 })
  authority.end(new FaultError('task.cancelled', 'the task has ended'))
  grants.lapse()
  expect(env.timers.size).toBe(0)
})

test('a tenure that a set clock has ended is over for everything at the first look', () => {
  let wall = 1_000_000
  const env = { ...still(), now: () => wall }
  const { grants, authority } = granted(env)
  authority.extendTenure({ from: moment(env), ms: 180_000 })
  grants.lapse()
  authority.before()
  wall += 200_000
  expect(() => authority.before()).toThrow('no lease')
  expect(authority.signal.aborted).toBe(true)
})
