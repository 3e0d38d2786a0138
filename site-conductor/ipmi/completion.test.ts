import { expect, test } from 'vitest'
import { completionKind, completionText, isBusy } from './completion.ts'

test('texts name the code; a command may have its own', () => {
  expect(completionText(0xd4)).toBe('insufficient privilege (completion code 0xd4)')
  expect(completionText(0x87, { 0x87: 'no session has this id' })).toBe('no session has this id (completion code 0x87)')
  expect(completionText(0x10)).toBe('OEM code (completion code 0x10)')
  expect(completionText(0x87)).toBe('unknown completion code (completion code 0x87)')
})

test('only codes that promise that nothing was done are worth another try', () => {
  const busy = Array.from({ length: 256 }, (_value, code) => code).filter(isBusy)
  expect(busy).toEqual([0xc0, 0xd2])
  expect([0xc0, 0xd4, 0xc3].map(completionKind)).toEqual(['busy', 'privilege', 'completion'])
})
