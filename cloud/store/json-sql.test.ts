import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FileDatabase } from '../hosts/node/database.ts'
import { flag, json, objectSql, visible, type Field } from './json-sql.ts'

const many: Field[] = [
  { name: 'uuid', since: 1, sql: "'11111111-1111-4111-8111-111111111111'" },
  ...Array.from({ length: 90 }, (_, i) => ({ name: `f${i}`, since: i + 1, sql: `'}"${i}'` })),
  { name: 'links', since: 1, sql: json("'[]'") },
]

describe('objects in SQL', () => {
  let database: FileDatabase
  beforeAll(() => {
    database = new FileDatabase(':memory:')
  })
  afterAll(() => database.close())
  const made = async (fields: readonly Field[], version = 1) =>
    JSON.parse(String((await database.all(`SELECT ${objectSql(fields, version)}`))[0]![0])) as Record<string, unknown>

  it('more fields than a function takes arguments come in two parts', async () => {
    const object = await made(many)
    expect(Object.keys(object).length).toBe(92)
    expect(object).toMatchObject({ f0: '}"0', f89: '}"89', links: [], uuid: '11111111-1111-4111-8111-111111111111' })
  })

  it('flags are true, false or null, nested JSON stays nested', async () => {
    const fields = [
      { name: 'a', since: 1, sql: flag('1') },
      { name: 'b', since: 1, sql: flag('0') },
      { name: 'c', since: 1, sql: flag('NULL') },
      { name: 'd', since: 1, sql: json(`'{"x":[1,{"y":null}]}'`) },
      { name: 'e', since: 1, sql: (version: number) => String(version) },
    ]
    expect(await made(fields, 7)).toEqual({ a: true, b: false, c: null, d: { x: [1, { y: null }] }, e: 7 })
  })

  it('an object may have nothing but JSON in it', async () => {
    expect(await made([{ name: 'links', since: 1, sql: json("'[{}]'") }])).toEqual({ links: [{}] })
  })

  it('shows what the version has, or what was asked for with links', () => {
    expect(visible(many, 3).map((f) => f.name)).toEqual(['uuid', 'f0', 'f1', 'f2', 'links'])
    expect(visible(many, 3, ['f1']).map((f) => f.name)).toEqual(['f1', 'links'])
    expect(() => visible(many, 3, ['f9'])).toThrow('1.10')
    expect(() => visible(many, 3, ['nope'])).toThrow('does not exist')
  })
})
