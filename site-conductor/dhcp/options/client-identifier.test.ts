import { describe, it } from 'vitest'
import { clientIdentifier } from './client-identifier.ts'
import { assert } from '../testdata/assert-option.ts'

describe('option 61, client identifier', () => {
  it('is a type and bytes', () => {
    assert.holds(clientIdentifier, '01525400770001', { type: 1, identifier: Buffer.from('525400770001', 'hex') })
    assert.holds(clientIdentifier, 'ff', { type: 255, identifier: Buffer.alloc(0) })
  })

  it('refuses nothing at all', () => assert.refuses(clientIdentifier, ''))
})
