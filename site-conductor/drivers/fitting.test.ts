import { expect, test } from 'vitest'
import { fitting } from './fitting.ts'

const all = Array.from({ length: 10 }, (_, i) => ({ name: String(i), more: 'x'.repeat(90) }))
const brief = ({ name }: { name: string }) => ({ name, more: '' })

test('a list that fits is whole', () => {
  expect(fitting(all, 2_000, brief)).toEqual({ list: all, dropped: 0 })
})

test('one that does not loses what matters less, and then its end', () => {
  expect(fitting(all, 400, brief)).toEqual({ list: all.map(brief), dropped: 0 })
  expect(fitting(all, 100, brief)).toEqual({ list: all.slice(0, 4).map(brief), dropped: 6 })
  expect(fitting(all, 400)).toEqual({ list: all.slice(0, 3), dropped: 7 })
})
