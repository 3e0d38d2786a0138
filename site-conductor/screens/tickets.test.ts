// Tickets are good once, for a while, for one node.
import { expect, test } from 'vitest'
import { systemEnv } from '../../shared/env.ts'
import { Tickets } from './tickets.ts'

function made() {
  const clock = { ms: 0 }
  return { clock, tickets: new Tickets({ ...systemEnv, mono: () => clock.ms }, 60_000) }
}
const is = (wanted: string) => (password: string) => password === wanted

test('either half of a ticket uses up the other', () => {
  const { tickets } = made()
  const [one, two] = [tickets.issue('a'), tickets.issue('a')]
  expect(tickets.takeToken('a', one.token)).toBe(true)
  expect([tickets.takeToken('a', one.token), tickets.takePassword('a', is(one.password))]).toEqual([false, false])
  expect(tickets.takePassword('a', is(two.password))).toBe(true)
  expect(tickets.takeToken('a', two.token)).toBe(false)
})

test('a ticket of another node, of a console that was stopped, or an old one is none', () => {
  const { clock, tickets } = made()
  const [first, second, third] = [tickets.issue('a'), tickets.issue('b'), tickets.issue('c')]
  expect(tickets.takeToken('b', first.token)).toBe(false)
  tickets.forget('b')
  expect(tickets.takeToken('b', second.token)).toBe(false)
  clock.ms = 60_000
  expect(tickets.takeToken('c', third.token)).toBe(false)
})

test('a password has eight letters that are no others, and tokens differ', () => {
  const { tickets } = made()
  const all = Array.from({ length: 100 }, () => tickets.issue('a'))
  for (const { password } of all) expect(password).toMatch(/^[2-9A-HJ-NP-Za-km-z]{8}$/)
  expect(new Set(all.flatMap(({ token, password }) => [token, password])).size).toBe(200)
  expect(tickets.takeToken('a', all[0]!.token), 'sixteen are kept').toBe(false)
})

test('after many wrong passwords the right one is not taken, until a while has passed', () => {
  const { clock, tickets } = made()
  const { password } = tickets.issue('a')
  for (let i = 0; i < 50; i++) tickets.takePassword('a', is('wrong'))
  expect(tickets.takePassword('a', is(password))).toBe(false)
  clock.ms = 60_001
  expect(tickets.takePassword('a', is(tickets.issue('a').password))).toBe(true)
})

test('nothing is kept of nodes for which no ticket was made, whoever asks', () => {
  const { clock, tickets } = made()
  const { token } = tickets.issue('a')
  for (let i = 0; i < 100; i++) tickets.takeToken(`stranger ${i}`, 'x')
  expect(tickets.nodes).toBe(1)
  tickets.takeToken('a', token)
  tickets.issue('b')
  clock.ms = 60_000
  tickets.takeToken('b', 'x')
  expect(tickets.nodes).toBe(0)
})
