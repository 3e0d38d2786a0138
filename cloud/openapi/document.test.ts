// The description is whole: every route says what it is, and what it reads is in it.
import { describe as suite, expect, it } from 'vitest'
import { ROUTES } from '../api/routes.ts'
import { describe, type Operation } from './document.ts'

/** Change something without reading a body. */
const BODILESS = ['drain', 'undrain', 'declare-dead', 'heartbeat', 'continue_inspection', 'vendor_passthru', ':trait']

suite('the description of the API', () => {
  const document = describe(ROUTES)
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods))

  it('has every route, with a line that says what it is', () => {
    expect(ROUTES.filter((route) => !route.about).map(({ method, path }) => `${method} ${path}`)).toEqual([])
    expect(operations.length).toBe(new Set(ROUTES.map(({ method, path }) => `${method} ${path}`)).size)
  })

  it('names every operation once', () => {
    const ids = operations.map((operation) => operation['operationId'])
    expect(ids.filter((id, i) => ids.indexOf(id) !== i)).toEqual([])
  })

  it('has the body of every route that takes one', () => {
    const without = ROUTES.filter(({ method, body, patch }) => /POST|PUT|PATCH/.test(method) && !body && !patch)
    const unexpected = without.filter(({ path }) => !BODILESS.some((word) => path.split('/').includes(word)))
    expect(unexpected.map(({ method, path }) => `${method} ${path}`)).toEqual([])
  })

  it('refers to nothing that is not there', () => {
    const names = [...JSON.stringify(document).matchAll(/"#\/components\/(\w+)\/(\w+)"/g)]
    for (const [, part, name] of names) expect(document.components[part!], name).toHaveProperty(name!)
    expect(names.length).toBeGreaterThan(ROUTES.length)
  })

  it('says what came when, and what is ours', () => {
    const properties = document.components.schemas['Node']!['properties'] as Record<string, object>
    expect(properties['owner']).toMatchObject({ 'x-ironic-since': '1.50', type: ['string', 'null'] })
    expect(properties['overdue']).toMatchObject({ description: expect.stringContaining('by name') })
    const detail = document.paths['/v1/nodes']!['get'] as Operation
    expect(detail.parameters.find(({ name }) => name === 'provision_state')?.schema['enum']).toContain('active')
  })
})
