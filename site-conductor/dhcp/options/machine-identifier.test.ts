import { describe, expect, it } from 'vitest'
import { CodecError } from '../cursor.ts'
import { machineIdentifier } from './machine-identifier.ts'
import { assert } from '../testdata/assert-option.ts'

describe('option 97, machine identifier', () => {
  it('is the SMBIOS UUID with its first three fields little-endian', () => {
    assert.holds(machineIdentifier, '0000112233445566778899aabbccddeeff', '33221100-5544-7766-8899-aabbccddeeff')
  })

  it.each(['', '00', '0100112233445566778899aabbccddeeff', '0000112233445566778899aabbccddee', `00${'11'.repeat(17)}`])(
    'refuses %j',
    (hex) => assert.refuses(machineIdentifier, hex),
  )

  it('does not write what is no UUID', () => {
    expect(() => machineIdentifier.encode('33221100')).toThrow(CodecError)
  })
})
