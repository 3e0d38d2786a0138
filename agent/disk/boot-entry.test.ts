import { expect, it } from 'vitest'
import { descriptionOf, encodeBootEntry } from './boot-entry.ts'

const partition = { number: 1, guid: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B', firstLba: 2048, lastLba: 4095 }

it('is laid out as in UEFI 2.10, with a hard drive path, a file path and an end', () => {
  const entry = encodeBootEntry({ description: 'ab', partition, path: '\\x' })
  const path = [
    '04012a00010000000008000000000000000800000000000028732ac11ff8d211ba4b00a0c93ec93b0202',
    '04040a005c0078000000',
    '7fff0400',
  ].join('')
  expect(entry.toString('hex')).toBe(`010000003800610062000000${path}`)
})

it('tells the description of any entry, and refuses one without an end', () => {
  expect(descriptionOf(encodeBootEntry({ description: 'Ferrule ü', partition, path: '\\x' }))).toBe('Ferrule ü')
  expect(() => descriptionOf(Buffer.from('010000000000610062', 'hex'))).toThrow('end of its description')
  expect(() => descriptionOf(Buffer.alloc(3))).toThrow('end of its description')
})
