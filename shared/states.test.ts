// The table against Ironic's own figures and the properties that every reader of it relies on.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  choices,
  isResting,
  next,
  STATE_NAMES,
  STATES,
  targetOf,
  TRANSITIONS,
  VERBS,
  type State,
  type Trigger,
} from './states.ts'

test('there are 30 states and no state is out of reach from enroll', () => {
  expect(STATE_NAMES).toHaveLength(30)
  const seen = new Set<State>(['enroll'])
  for (let grew = true; grew;) {
    grew = false
    for (const [from, , to] of TRANSITIONS) if (seen.has(from) && !seen.has(to)) grew = !!seen.add(to)
  }
  expect([...STATE_NAMES].filter((state) => !seen.has(state))).toEqual([])
})

test('(from, trigger) is unique, and next() follows exactly the rows, for the right actor only', () => {
  const keys = TRANSITIONS.map(([from, trigger]) => `${from}|${trigger}`)
  expect(new Set(keys).size).toBe(keys.length)
  for (const [from, trigger, to, actor] of TRANSITIONS) {
    expect(next(from, trigger, actor)).toBe(to)
    expect(next(from, trigger, actor === 'user' ? 'task' : 'user')).toBeUndefined()
  }
  const triggers = [...new Set(TRANSITIONS.map((row) => row[1]))] as Trigger[]
  fc.assert(
    fc.property(fc.constantFrom(...STATE_NAMES), fc.constantFrom(...triggers), (from, trigger) => {
      const row = TRANSITIONS.find((r) => r[0] === from && r[1] === trigger)
      expect(next(from, trigger, 'user')).toBe(row?.[3] === 'user' ? row[2] : undefined)
    }),
  )
})

test('a busy or waiting state can end well and can fail; a resting one is left by a person only', () => {
  for (const state of STATE_NAMES) {
    const rows = TRANSITIONS.filter((row) => row[0] === state)
    const { kind } = STATES[state]
    if (kind === 'busy' || kind === 'waiting') {
      expect(
        rows.some((row) => row[1] === 'fail' && row[3] === 'task'),
        `${state} can fail`,
      ).toBe(true)
    }
    if (kind === 'busy') expect(rows.some((row) => row[3] === 'task' && ['done', 'clean'].includes(row[1]))).toBe(true)
    if (kind === 'stable') expect(rows.every((row) => row[3] === 'user')).toBe(true)
    expect(isResting(state)).toBe(kind === 'stable' || kind === 'failed')
    expect(targetOf(state) === null).toBe(kind === 'stable')
  }
})

test('choices() names each verb once, in the spelling that Ironic prefers', () => {
  expect(choices('available')).toEqual(['active', 'manage'])
  expect(choices('manageable').sort()).toEqual(['adopt', 'clean', 'inspect', 'provide'])
  expect(choices('active').sort()).toEqual(['deleted', 'rebuild', 'rescue', 'service'])
  for (const state of STATE_NAMES)
    for (const verb of choices(state)) expect(next(state, VERBS[verb], 'user')).toBeDefined()
})
