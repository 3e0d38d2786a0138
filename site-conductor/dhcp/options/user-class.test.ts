import { describe, it } from 'vitest'
import { userClass } from './user-class.ts'
import { assert } from '../testdata/assert-option.ts'

describe('option 77, user class', () => {
  it('is a list of length-prefixed classes', () => {
    assert.holds(userClass, '0469505845', { bare: false, classes: ['iPXE'] })
    assert.holds(userClass, '0161026262', { bare: false, classes: ['a', 'bb'] })
  })

  it('from iPXE is a bare "iPXE" without its length', () => {
    assert.holds(userClass, '69505845', { bare: true, classes: ['iPXE'] })
  })

  it('that does not add up is one bare class', () => {
    assert.holds(userClass, '046950', { bare: true, classes: ['\u0004iP'] })
    assert.holds(userClass, '00', { bare: true, classes: ['\0'] })
  })

  it('refuses nothing at all', () => assert.refuses(userClass, ''))
})
