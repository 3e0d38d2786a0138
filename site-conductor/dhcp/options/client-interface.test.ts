import { describe, it } from 'vitest'
import { clientInterface } from './client-interface.ts'
import { assert } from '../testdata/assert-option.ts'

describe('option 94, client interface', () => {
  it('is a type and a version', () => assert.holds(clientInterface, '010201', { type: 1, major: 2, minor: 1 }))

  it.each(['', '0102', '01020100'])('refuses %j', (hex) => assert.refuses(clientInterface, hex))
})
