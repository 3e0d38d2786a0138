// The last-moment check from the lease down to the wire (ownership.md, rule 5): whatever happens between a packet of a mutation and its repetition,
// nothing more of it leaves. A virtual BMC's network is the judge.
import { expect, test } from 'vitest'
import { virtualSite } from '../../sim/bmc/virtual-site.ts'
import { Authority } from './authority.ts'
import { FakeEnv } from '../testing/fake-env.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import { Grants } from '../link/grants.ts'
import { setBootFlags } from '../ipmi/commands/boot-options.ts'
import { controlChassis } from '../ipmi/commands/chassis-control.ts'
import { closeSessionById } from '../ipmi/commands/close-session.ts'
import type { RequestOptions } from '../ipmi/request.ts'
import type { Session } from '../ipmi/session.ts'
import { moment } from '../link/span.ts'

const LEASE_MS = 15_000

function conductor() {
  const env = new FakeEnv()
  const grants = new Grants(env)
  grants.startLease({ from: moment(env), ms: LEASE_MS })
  grants.add(fakeGrant('n', { epoch: 3 }))
  const hold = grants.get('n')!
  // What a task's steps get, and what a person's call gets (calls.ts).
  const checks = { task: new Authority(env, grants, hold).before, call: () => grants.check(hold) }
  return { env, grants, checks }
}

type Conductor = ReturnType<typeof conductor>

const losses: [string, (conductor: Conductor) => void][] = [
  ['the lease runs out', ({ env }) => env.advance(LEASE_MS)],
  ['the host is paused and its monotonic clock stands still', ({ env }) => env.pause(LEASE_MS)],
  ['the node is given to another conductor', ({ grants }) => grants.drop('n')],
  ['the node is granted again under a new epoch', ({ grants }) => grants.add(fakeGrant('n', { epoch: 4 }))],
  ['a new session begins without the old grants', ({ grants }) => grants.forgetSession()],
  [
    'the lease lapses and a new session grants the same node',
    ({ env, grants }) => {
      grants.lapse()
      grants.startLease({ from: moment(env), ms: LEASE_MS })
      grants.add(fakeGrant('n', { epoch: 3 }))
    },
  ],
]

const mutations: [string, (session: Session, options: RequestOptions) => Promise<unknown>][] = [
  ['Chassis Control', (session, options) => controlChassis(session, 'off', options)],
  [
    'Set System Boot Options',
    (session, options) => setBootFlags(session, { device: 'pxe', persistent: false, efi: true }, options),
  ],
  ['Close Session', (session, options) => closeSessionById(session, 0x1234, options)],
]

for (const [name, mutate] of mutations) {
  for (const who of ['task', 'call'] as const) {
    test.each(losses)(`${name} of a ${who} is not sent again when, after its first packet, %s`, async (_, lose) => {
      const made = conductor()
      const { wire, login } = virtualSite()
      const session = await login({ privilege: 'administrator', retries: 4 })
      let packets = 0
      wire.toBmc = () => {
        packets++
        lose(made)
        return undefined
      }
      await expect(mutate(session, { before: made.checks[who] })).rejects.toMatchObject({
        fault: { code: expect.stringMatching(/^(lease.lapsed|fenced)$/) },
      })
      expect(packets).toBe(1)
    })
  }

  test(`${name} goes on being sent while nothing is lost`, async () => {
    const { checks } = conductor()
    const { wire, login } = virtualSite()
    const session = await login({ privilege: 'administrator', retries: 4 })
    let packets = 0
    wire.toBmc = (packet) => (++packets < 4 ? undefined : packet)
    await mutate(session, { before: checks.task })
    expect(packets).toBe(4)
  })
}

test.each(losses)('a session for a mutation is not opened further when, in the middle of it, %s', async (_, lose) => {
  const whole = virtualSite()
  await whole.login({ privilege: 'administrator' })
  const all = whole.sent.length
  expect(all).toBeGreaterThan(4)
  for (let before = 1; before < all; before++) {
    const made = conductor()
    const { wire, sent, login } = virtualSite()
    wire.toBmc = (packet) => {
      if (sent.length === before) lose(made)
      return packet
    }
    await expect(login({ privilege: 'administrator', before: made.checks.task })).rejects.toMatchObject({
      fault: { code: expect.stringMatching(/^(lease.lapsed|fenced)$/) },
    })
    // One more may say goodbye to what is half open.
    expect(sent.length, `${before} of ${all} packets`).toBeLessThanOrEqual(before + 1)
  }
})
