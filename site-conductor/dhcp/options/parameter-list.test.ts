import { describe, it } from 'vitest'
import { parameterList } from './parameter-list.ts'
import { assert } from '../testdata/assert-option.ts'

describe('option 55, parameter request list', () => {
  it('keeps the order of preference', () => assert.holds(parameterList, '0103069743', [1, 3, 6, 151, 67]))
})
