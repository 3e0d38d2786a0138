// JSON columns that may hold secrets, as they are shown: ****** in the place of whatever sounds like one.
import { MASK } from '../../shared/sealing.ts'
import { json, type Json } from './json-sql.ts'

const WORDS = ['passw', 'secret', 'token', 'credential']
const sounds = (text: string, more: readonly string[] = []) =>
  `(${[...WORDS, ...more].map((word) => `${text} LIKE '%${word}%'`).join(' OR ')})`

/**
 * An object rebuilt with ****** for keys that sound secret, and those of `more`: the place of a config drive or an image may be a signed URL.
 * The tests in front keep the usual cases free of the rebuilding, and an empty object of the search.
 */
export function masked(column: string, more: readonly string[] = []): Json {
  const rebuilt = `SELECT json_group_object(key, json(CASE WHEN ${sounds('key', more)} AND type <> 'null' THEN '"${MASK}"' ELSE ${column} -> fullkey END)) FROM json_each(${column})`
  return json(`CASE WHEN ${column} = '{}' THEN '{}' WHEN ${sounds(column, more)} THEN (${rebuilt}) ELSE ${column} END`)
}

/**
 * Steps, or what holds some: secrets are at any depth. No path of JSON reaches a key with a quotation mark: there the args of its step go as a
 * whole, or everything.
 */
export function maskedSteps(column: string): Json {
  const args = `iif(instr(fullkey, '.args') > 0, substr(fullkey, 1, instr(fullkey, '.args') + 4), '$')`
  const path = `iif(instr(fullkey, '\\"') > 0, ${args}, fullkey)`
  const found = `SELECT row_number() OVER () AS i, ${path} AS path FROM json_tree(${column}) WHERE ${sounds('key')} AND type <> 'null'`
  const shown =
    `WITH RECURSIVE found AS (${found}), shown(i, steps) AS (SELECT 0, ${column} UNION ALL` +
    ` SELECT found.i, json_replace(steps, path, '${MASK}') FROM shown JOIN found ON found.i = shown.i + 1)` +
    ' SELECT steps FROM shown ORDER BY i DESC LIMIT 1'
  return json(`CASE WHEN ${column} = '{}' THEN '{}' WHEN ${sounds(column)} THEN (${shown}) ELSE ${column} END`)
}
