import { describe, expect, it } from 'vitest'
import { CodecError } from '../cursor.ts'
import { readSuboptions, writeSuboptions } from './suboptions.ts'

describe('sub-options', () => {
  it('of a repeated code keep the first', () => {
    expect(readSuboptions(Buffer.from('010105010106', 'hex'), false)).toEqual(new Map([[1, Buffer.of(5)]]))
  })

  it('longer than 255 bytes cannot be written', () => {
    expect(() => writeSuboptions(new Map([[1, Buffer.alloc(256)]]), false)).toThrow(CodecError)
  })
})
