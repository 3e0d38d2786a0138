import { describe, expect, it } from 'vitest'
import { CodecError } from '../cursor.ts'
import * as texts from './texts.ts'
import { assert } from '../testdata/assert-option.ts'

describe('text options', () => {
  it('reads and writes text', () => {
    assert.holds(texts.vendorClass, '48545450436c69656e74', 'HTTPClient')
    assert.holds(texts.bootFileName, '612e656669', 'a.efi')
    assert.holds(texts.tftpServerName, '31302e302e302e31', '10.0.0.1')
    assert.holds(texts.hostName, '6e6f6465', 'node')
    assert.holds(texts.message, '6e6f', 'no')
  })

  it('trims closing NULs, as RFC 2132 §2 wants', () => {
    expect(texts.bootFileName.decode(Buffer.from('a.efi\0\0'))).toBe('a.efi')
  })

  it('does not write what would not come back', () => {
    for (const text of ['', 'a\0b', 'ключ']) expect(() => texts.hostName.encode(text)).toThrow(CodecError)
  })
})
