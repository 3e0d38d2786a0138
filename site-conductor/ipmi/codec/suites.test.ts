import { expect, test } from 'vitest'
import { suiteOf, suites } from './suites.ts'

test('finds suites by their algorithms, and never one without security', () => {
  expect(suiteOf({ authentication: 1, integrity: 1, confidentiality: 1 })).toBe(suites[3])
  expect(suiteOf({ authentication: 3, integrity: 4, confidentiality: 1 })).toBe(suites[17])
  expect(suiteOf({ authentication: 0, integrity: 0, confidentiality: 0 })).toBeUndefined()
  // Suites 1, 2, 15 and 16 leave out integrity or encryption.
  expect(suiteOf({ authentication: 1, integrity: 1, confidentiality: 0 })).toBeUndefined()
  expect(suiteOf({ authentication: 3, integrity: 4, confidentiality: 0 })).toBeUndefined()
})
