import { describe, it } from 'vitest'
import { clientArchitecture } from './client-architecture.ts'
import { assert } from '../testdata/assert-option.ts'

describe('option 93, client architecture', () => {
  it('is one or more big-endian numbers', () => {
    assert.holds(clientArchitecture, '0007', [7])
    assert.holds(clientArchitecture, '00100007', [16, 7])
    assert.holds(clientArchitecture, '0100', [256])
  })

  it.each(['', '00', '000700'])('refuses %j', (hex) => assert.refuses(clientArchitecture, hex))
})
