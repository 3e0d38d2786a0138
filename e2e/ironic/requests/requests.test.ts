// What the comparison asks: by the tables of the API, nothing that Ironic 1.82 has is left out.
import { expect, test } from 'vitest'
import { RESOURCES } from '../../../cloud/api/routes.ts'
import { listQuery } from '../../../cloud/api/query.ts'
import { ENDPOINTS, endpointOf } from '../coverage.ts'
import { requestsOf } from '../episode.ts'
import { fieldsOf, NEWEST, thingsOf, type Sent } from './sent.ts'

const sent: readonly Sent[] = requestsOf(thingsOf(0), 1, 50_000)
const known = RESOURCES.filter(({ since }) => since <= NEWEST)
const isKnown = ({ since }: { since: number }) => since <= NEWEST

test('every endpoint is asked', () => {
  const asked = new Set(sent.map(endpointOf))
  expect(ENDPOINTS.filter((endpoint) => !asked.has(endpoint))).toEqual([])
})

test.each(known.map((resource) => [resource.path, resource] as const))(
  'every argument, field and attribute of %s is asked',
  (path, { fields, filters, attributes }) => {
    const of = (method: string) =>
      sent.filter((each) => each.method === method && new RegExp(`^/v1/${path}([/?]|$)`).test(each.path))
    const query = of('GET').map((each) => new URLSearchParams(each.path.split('?')[1] ?? ''))
    const args = new Set(query.flatMap((each) => [...each.keys()]))
    const newer = Object.keys(filters).filter((name) => !isKnown(filters[name]!))
    const asked = Object.keys(listQuery({ fields, filters } as never)).filter((name) => !newer.includes(name))
    expect(asked.filter((name) => !args.has(name))).toEqual([])

    const shown = new Set(query.flatMap((each) => (each.get('fields') ?? '').split(',')))
    expect(fieldsOf(path).filter((name) => !shown.has(name))).toEqual([])

    const keys = (method: string) =>
      new Set(
        of(method).flatMap(({ body }) =>
          Array.isArray(body)
            ? body.map((each) => String((each as { path?: unknown } | null)?.path).split('/')[1])
            : Object.keys((body ?? {}) as object),
        ),
      )
    const [made, patched] = [keys('POST'), keys('PATCH')]
    const missing = Object.entries(attributes).flatMap(([name, attribute]) => {
      if (!isKnown(attribute)) return []
      const isMissing = { create: attribute.only !== 'patch' && !made.has(name), patch: attribute.only !== 'create' && !patched.has(name) } // prettier-ignore
      return Object.entries(isMissing).flatMap(([where, is]) => (is ? [`${where} ${name}`] : []))
    })
    expect(missing).toEqual([])
  },
)
