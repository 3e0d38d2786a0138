import { describe, it } from 'vitest'
import * as numbers from './numbers.ts'
import { assert } from '../testdata/assert-option.ts'

describe('number options', () => {
  it('reads and writes big-endian numbers of their width', () => {
    assert.holds(numbers.leaseSeconds, '00015180', 86_400)
    assert.holds(numbers.renewalSeconds, '0000a8c0', 43_200)
    assert.holds(numbers.rebindingSeconds, 'ffffffff', 0xffffffff)
    assert.holds(numbers.maximumMessageSize, 'ff00', 65_280)
    assert.holds(numbers.overload, '03', 3)
  })

  it('refuses other widths', () => {
    assert.refuses(numbers.leaseSeconds, '000151')
    assert.refuses(numbers.leaseSeconds, '0001518000')
    assert.refuses(numbers.maximumMessageSize, '05')
    assert.refuses(numbers.overload, '')
  })
})
