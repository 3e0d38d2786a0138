// The lease, holds and authorities: what a conductor may do, and when no more.
import { expect, test } from 'vitest'
import { grantsDigest, heldDigests } from '../../shared/grants-digest.ts'
import { Authority } from '../tasks/authority.ts'
import { FakeEnv } from '../testing/fake-env.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import { Grants } from './grants.ts'
import { moment } from './span.ts'

function granted(leaseMs = 15_000) {
  const env = new FakeEnv()
  const grants = new Grants(env)
  grants.startLease({ from: moment(env), ms: leaseMs })
  grants.add(fakeGrant('n', { epoch: 5 }))
  return { env, grants, hold: grants.get('n')! }
}

test('check passes until the lease has ended by the monotonic clock', () => {
  const { env, grants, hold } = granted()
  env.advance(14_999)
  grants.check(hold)
  env.advance(1)
  expect(() => grants.check(hold)).toThrow('no lease')
})

test('a paused machine whose monotonic clock stood still has no lease', () => {
  const { env, grants, hold } = granted()
  env.pause(15_000)
  expect(() => grants.check(hold)).toThrow('no lease')
})

test('a renewal counts from its sending', () => {
  const { env, grants, hold } = granted()
  const sent = moment(env)
  env.advance(10_000)
  expect(grants.renewLease({ from: sent, ms: 15_000 })).toBe(true)
  env.advance(5_000)
  expect(() => grants.check(hold)).toThrow('no lease')
})

test('an answer to an older renewal does not shorten the lease', () => {
  const { env, grants } = granted()
  const old = moment(env)
  env.advance(1_000)
  grants.renewLease({ from: moment(env), ms: 15_000 })
  grants.renewLease({ from: old, ms: 15_000 })
  expect(grants.leaseLeft()).toBe(15_000)
})

test('a renewal that comes after the lapse revives nothing', () => {
  const { env, grants, hold } = granted()
  env.advance(14_000)
  const sent = moment(env)
  env.advance(1_000)
  expect(grants.renewLease({ from: sent, ms: 15_000 })).toBe(false)
  expect(hold.signal.aborted).toBe(true)
  expect(grants.get('n')).toBeUndefined()
  expect(() => grants.check(hold)).toThrow('no lease')
})

test('a grant with a new epoch ends the old hold; with the same epoch it brings a new spec; an older one is nothing', () => {
  const { grants, hold } = granted()
  grants.add(fakeGrant('n', { epoch: 5, specVersion: 2 }))
  expect(grants.get('n')).toBe(hold)
  expect(hold.grant.specVersion).toBe(2)
  grants.add(fakeGrant('n', { epoch: 4 }))
  expect(grants.get('n')).toBe(hold)
  grants.add(fakeGrant('n', { epoch: 6 }))
  expect(hold.signal.aborted).toBe(true)
  expect(() => grants.check(hold)).toThrow('no longer ours')
  expect(() => grants.find('n', 5)).toThrow('epoch 5')
  expect(grants.find('n', 6).grant.epoch).toBe(6)
})

test('what was given back does not come back under its old epoch, as a grant that was under way would bring it', () => {
  const { grants, hold } = granted()
  grants.drop('n')
  grants.add(fakeGrant('n', { epoch: hold.grant.epoch, specVersion: 9 }))
  expect(grants.get('n')).toBeUndefined()
  grants.add(fakeGrant('n', { epoch: 6 }))
  expect(grants.find('n', 6).grant.epoch).toBe(6)
})

test('a session that goes on raises every epoch to its own number and interrupts nothing', () => {
  const { grants, hold } = granted()
  grants.carryOver(9)
  expect(hold.grant.epoch).toBe(9)
  expect(hold.signal.aborted).toBe(false)
  grants.check(grants.find('n', 9))
})

test('the digest covers node, epoch and spec version, whatever the order; without a lease there is none', async () => {
  const { env, grants } = granted()
  grants.add(fakeGrant('a', { epoch: 2, specVersion: 7 }))
  const expected = [
    { node: 'a', epoch: 2, specVersion: 7 },
    { node: 'n', epoch: 5, specVersion: 1 },
  ]
  expect(await grants.digests()).toEqual({
    grantsDigest: await grantsDigest(expected),
    held: await heldDigests(expected.toReversed()),
  })
  expect(await grantsDigest(expected)).toBe(await grantsDigest(expected.toReversed()))
  expect(await grantsDigest([{ ...expected[0]!, epoch: 3 }])).not.toBe(await grantsDigest([expected[0]!]))
  env.advance(15_000)
  expect(await grants.digests()).toBeNull()
})

test('without tenure an authority ends with the lapse', () => {
  const { env, grants, hold } = granted()
  const authority = new Authority(env, grants, hold)
  authority.before()
  grants.lapse()
  expect(authority.signal.aborted).toBe(true)
  expect(authority.before).toThrow('lapsed')
})

test('a tenure outlives a lapse for as long as the hub said, counted from the question', () => {
  const { env, grants, hold } = granted()
  const authority = new Authority(env, grants, hold)
  authority.extendTenure({ from: moment(env), ms: 60_000 })
  env.advance(20_000)
  grants.lapse()
  authority.before()
  env.advance(39_999)
  authority.before()
  env.advance(1)
  expect(authority.signal.aborted).toBe(true)
  expect(authority.before).toThrow('lapsed')
})

test('a tenure also ends by the wall clock', () => {
  const { env, grants, hold } = granted()
  const authority = new Authority(env, grants, hold)
  authority.extendTenure({ from: moment(env), ms: 60_000 })
  grants.lapse()
  env.pause(60_000)
  expect(authority.before).toThrow('no lease')
})

test('a tenure is worth nothing for a node that was given away', () => {
  const { env, grants, hold } = granted()
  const authority = new Authority(env, grants, hold)
  authority.extendTenure({ from: moment(env), ms: 60_000 })
  grants.drop('n')
  expect(authority.signal.aborted).toBe(true)
  expect(authority.before).toThrow('another conductor')
})

test('a lapsed lease refuses a packet before the timer has noticed, with tenure it does not', () => {
  const { env, grants, hold } = granted()
  const [plain, tenured] = [new Authority(env, grants, hold), new Authority(env, grants, hold)]
  tenured.extendTenure({ from: moment(env), ms: 60_000 })
  env.pause(15_000)
  expect(plain.before).toThrow('no lease')
  tenured.before()
})
