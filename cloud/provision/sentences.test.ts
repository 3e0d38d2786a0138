import { expect, test } from 'vitest'
import { sentence, withHint } from './sentences.ts'

test.each([
  ['the BMC is silent', 'the BMC is silent.'],
  ['The step needs files.', 'The step needs files.'],
  ['is it on?', 'is it on?'],
  ['', ''],
])('"%s" as a sentence', (text, whole) => expect(sentence(text)).toBe(whole))

test('what to do next begins a new one', () =>
  expect(withHint({ message: 'the BMC is silent', hint: 'look at it' })).toBe('the BMC is silent. Next: look at it'))
