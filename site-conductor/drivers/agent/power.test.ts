// When is a machine off whose only witness is its agent? Time is the test's own.
import { expect, test } from 'vitest'
import { Unreachable } from '../../agents/agent-connection.ts'
import { fallsSilent } from './power.ts'

function clock() {
  let now = 0
  return {
    now: () => now,
    mono: () => now,
    random: (length: number) => new Uint8Array(length),
    setTimer(ms: number, run: () => void) {
      now += ms
      queueMicrotask(run)
      return () => {}
    },
  }
}

/** `answers(ms)`: does the agent answer at that time; `calls(ms)`: how often it has called by then. */
async function judged(answers: (ms: number) => boolean, calls: (ms: number) => number = () => 0) {
  const env = clock()
  const heartbeats = { count: () => calls(env.mono()), after: async () => {} }
  const off = await fallsSilent({ env, signal: new AbortController().signal, heartbeats } as never, async () => {
    if (!answers(env.mono())) throw new Unreachable('connection reset')
  })
  return { off, after: env.mono() }
}

test('an agent that is gone for a while has switched its machine off', async () => {
  expect(await judged((ms) => ms < 2000)).toEqual({ off: true, after: 5000 })
})

test.each([
  ['one broken connection', (ms: number) => ms !== 1000, undefined],
  ['a link that flaps', (ms: number) => ms % 2000 === 0, undefined],
  ['an agent that cannot be reached, but calls', () => false, (ms: number) => Math.floor(ms / 2000)],
])('%s is no machine that is off', async (_, answers, calls) => {
  expect(await judged(answers, calls)).toMatchObject({ off: false })
})
