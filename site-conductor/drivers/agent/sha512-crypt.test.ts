import { expect, test } from 'vitest'
import { cryptSalt, sha512Crypt } from './sha512-crypt.ts'

test('the specification’s example with the usual number of rounds', () => {
  expect(sha512Crypt('Hello world!', 'saltstring')).toBe(
    '$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1',
  )
})

test('a salt of crypt’s alphabet, a character for each byte', () => {
  expect(cryptSalt(Uint8Array.of(0, 1, 63, 64, 255))).toBe('./z.z')
})
