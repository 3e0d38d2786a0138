import { expect, test } from 'vitest'
import { Escapes } from './escapes.ts'

/** What is typed in these chunks, with [break] and [hang up] in their places. */
const typed = (...chunks: string[]) => {
  const escapes = new Escapes()
  return chunks
    .flatMap((chunk) => escapes.take(Buffer.from(chunk)))
    .map((each) => (typeof each === 'string' ? `[${each}]` : each.characters.toString()))
    .join('')
}

test.each([
  [['root\n'], 'root\n'],
  [['~B'], '[break]'],
  [['~.'], '[hang up]'],
  [['ls\r~Bx\r~.'], 'ls\r[break]x\r[hang up]'],
  [['cd ~B'], 'cd ~B'],
  [['~~B'], '~B'],
  [['~x'], '~x'],
  [['a\n', '~', 'B', 'b'], 'a\n[break]b'],
  [['a\n', '~', '~', '.'], 'a\n~.'],
])('%j is %j', (chunks, expected) => {
  expect(typed(...chunks)).toBe(expected)
})

test('byte by byte it is the same', () => {
  const text = 'root\n~~\r~Becho ~.\n~x~B\n~.'
  expect(typed(...text)).toBe(typed(text))
})
