// A client of the API as it is described must not break unnoticed.
import { describe as suite, expect, it } from 'vitest'
import { ROUTES } from '../api/routes.ts'
import { breaking } from './breaking.ts'
import { describe, type Document } from './document.ts'

const text = JSON.stringify(describe(ROUTES))
const now = () => JSON.parse(text) as Document
// oxlint-disable-next-line typescript/no-explicit-any -- a document is broken on purpose
type Loose = any

suite('a change of the API breaks clients', () => {
  it('no change breaks none', () => expect(breaking(now(), now())).toEqual([]))

  it.each<[string, (document: Loose) => void, string]>([
    ['a path that is gone', (d) => delete d.paths['/v1/ports'], 'GET /v1/ports is gone'],
    ['a method that is gone', (d) => delete d.paths['/v1/nodes'].post, 'POST /v1/nodes is gone'],
    ['a schema that is gone', (d) => delete d.components.schemas.Port, 'schema Port is gone'],
    ['a field that is gone', (d) => delete d.components.schemas.Node.properties.owner, 'Node.owner is gone'],
    [
      'a field of another type',
      (d) => (d.components.schemas.Node.properties.name.type = ['integer', 'null']),
      'Node.name: type',
    ],
    ['a body field that is gone', (d) => delete body(d).properties.owner, 'body: owner is gone'],
    ['a body field that is needed', (d) => body(d).required.push('owner'), 'body: owner is required'],
    ['a shorter text', (d) => (body(d).properties.driver.maxLength = 10), 'driver: maxLength is less'],
    ['a value that is gone', (d) => power(d).enum.pop(), 'target: enum: "soft rebooting" is gone'],
    ['a type that is gone', (d) => (flag(d).type = ['boolean']), '"null" is gone'],
    ['a query argument that is gone', (d) => (list(d).parameters = list(d).parameters.slice(1)), 'query limit is gone'],
    ['a query argument that is needed', (d) => (list(d).parameters[0].required = true), 'query limit is required'],
    [
      'a new one that is needed',
      (d) => list(d).parameters.push({ name: 'x', in: 'query', required: true, schema: {} }),
      'query x is required',
    ],
    [
      'a value that must be one of others',
      (d) => (body(d).properties.driver = { anyOf: [{ type: 'integer' }, { type: 'null' }] }),
      '"string" is gone',
    ],
    ['a status that is gone', (d) => delete d.paths['/v1/nodes'].post.responses['201'], 'does not answer 201'],
    [
      'a choice in place of anything else',
      (d) => (body(d).properties.driver = { anyOf: [{ type: 'null' }] }),
      'is gone',
    ],
    ['an attribute that cannot be patched', (d) => items(d).splice(0, 1), 'body[]'],
  ])('%s', (_what, change, wanted) => {
    const after = now()
    change(after)
    expect(breaking(now(), after).join('\n')).toContain(wanted)
  })

  it.each<[string, (document: Loose) => void]>([
    ['a new path', (d) => (d.paths['/v1/new'] = d.paths['/v1/nodes'])],
    ['a new field', (d) => (d.components.schemas.Node.properties.new = {})],
    ['a new body field', (d) => (body(d).properties.new = { type: 'string' })],
    ['a new value', (d) => power(d).enum.push('cycle')],
    [
      'a value that may be null as well',
      (d) => (body(d).properties.driver = { anyOf: [body(d).properties.driver, { type: 'null' }] }),
    ],
    ['a longer text', (d) => (body(d).properties.driver.maxLength = 1000)],
    ['a least length of none', (d) => (list(d).parameters[0].schema.minLength = 0)],
    ['one more choice', (d) => (body(d).properties.driver = { anyOf: [body(d).properties.driver, { type: 'null' }] })],
    ['a type that is a choice of its own now', (d) => Object.assign(flag(d), { type: undefined, anyOf: [{ type: 'boolean' }, { type: 'null' }] })], // prettier-ignore
    ['a text beside what was none', (d) => Object.assign(flag(d), { type: ['boolean', 'null', 'string'], pattern: '^1$' })], // prettier-ignore
    ['a new query argument', (d) => list(d).parameters.push({ name: 'x', in: 'query', required: false, schema: {} })],
  ])('%s does not', (_what, change) => {
    const after = now()
    change(after)
    expect(breaking(now(), after)).toEqual([])
  })
})

const body = (d: Loose) => d.paths['/v1/nodes'].post.requestBody.content['application/json'].schema
const list = (d: Loose) => d.paths['/v1/nodes'].get
const verbs = (d: Loose, what: string) =>
  d.paths[`/v1/nodes/{ident}/states/${what}`].put.requestBody.content['application/json'].schema.properties
const power = (d: Loose) => verbs(d, 'power').target
/** A boolean, or null. */
const flag = (d: Loose) => verbs(d, 'provision').disable_ramdisk
const items = (d: Loose) =>
  d.paths['/v1/nodes/{ident}'].patch.requestBody.content['application/json'].schema.items.anyOf
