// The mutants themselves: each applies to today's source, and there are enough of them. Whether they are caught: npm run sim -- --mutants
import { expect, test } from 'vitest'
import { MUTANTS } from './all.ts'
import { mutated, RULES } from './mutant.ts'
import { remembered, seedsOf } from './score.ts'

test.each(MUTANTS.map((mutant) => [mutant.id, mutant] as const))('%s stands in the source just once', (_, mutant) => {
  expect(mutated(mutant)).toContain(mutant.replace)
})

test.each(MUTANTS.filter(({ flavour }) => flavour))(
  'there are seeds for $id, also of a flavour that none draws',
  (mutant) => {
    expect(new Set(seedsOf(mutant, 1, 6)).size).toBe(6)
  },
)

test('a mutant that has rotted is an error', () => {
  const mutant = { ...MUTANTS[0]!, find: 'what nobody ever wrote' }
  expect(() => mutated(mutant)).toThrow('0 times')
  expect(() => mutated(mutant, 'what nobody ever wrote, what nobody ever wrote')).toThrow('2 times')
})

test('every rule has at least four mutants that are to be caught, no name is used twice, and none that is gone is remembered', () => {
  for (const rule of RULES)
    expect(MUTANTS.filter((mutant) => mutant.rule === rule && !mutant.survives).length, `rule ${rule}`).toBeGreaterThan(
      3,
    )
  const ids = new Set(MUTANTS.map(({ id }) => id))
  expect(ids.size).toBe(MUTANTS.length)
  expect(Object.keys(remembered()).filter((id) => !ids.has(id))).toEqual([])
})

test('every rule has at least four mutants that a seed has caught', () => {
  const caught = remembered()
  for (const rule of RULES)
    expect(
      MUTANTS.filter(({ id, rule: of }) => of === rule && caught[id] !== undefined).length,
      `rule ${rule}`,
    ).toBeGreaterThan(3)
})
