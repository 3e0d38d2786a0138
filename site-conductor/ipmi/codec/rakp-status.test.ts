import { expect, test } from 'vitest'
import { rakpStatusText } from './rakp-status.ts'

test('names known and unknown statuses with their number', () => {
  expect(rakpStatusText(0x0d)).toBe('it does not know the user name (RAKP status 0x0d)')
  expect(rakpStatusText(0x77)).toBe('unknown reason (RAKP status 0x77)')
})
