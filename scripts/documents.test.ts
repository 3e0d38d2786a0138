// What is written for people: links lead somewhere, and nothing is said twice where parallel work came together.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const pages = [...globSync('*.md', { cwd: root }), ...globSync('docs/**/*.md', { cwd: root })]
const read = (page: string) => readFileSync(join(root, page), 'utf8')

test('links to files of the repository lead to some', () => {
  const links = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)]
      .filter(([, to]) => !/^[a-z]+:/.test(to!))
      .map(([, to]) => join(dirname(page), to!)),
  )
  expect(links.length).toBeGreaterThan(20)
  expect(links.filter((link) => !existsSync(join(root, link)))).toEqual([])
})

test('no line of the changelog is in it twice', () => {
  const lines = read('CHANGELOG.md')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  expect(lines.length).toBeGreaterThan(100)
  expect(lines.filter((line, i) => lines.indexOf(line) !== i)).toEqual([])
})

test('a decision has a number of its own', () => {
  const numbers = globSync('docs/adr/*.md', { cwd: root }).map((path) => path.slice('docs/adr/'.length).slice(0, 4))
  expect(numbers.length).toBeGreaterThan(20)
  expect(new Set(numbers).size).toBe(numbers.length)
})
