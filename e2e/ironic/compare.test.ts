// The client that both servers are asked with, of which only Ironic's SQLite may be busy for a while; and how two answers are compared.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { askFerrule, askIronic, differences } from './compare.ts'

const SENT = { method: 'GET', path: '/v1/nodes', version: 82 } as const
const LOCKED = { error_message: JSON.stringify({ faultstring: '(sqlite3.OperationalError) database is locked' }) }

let requests = 0
let refusal = LOCKED
const server = createServer((_request, response) => {
  const isLocked = ++requests < 3
  response.statusCode = isLocked ? 500 : 200
  response.end(JSON.stringify(isLocked ? refusal : { nodes: [] }))
})
beforeEach(async () => {
  requests = 0
  refusal = LOCKED
  await once(server.listen(0, '127.0.0.1'), 'listening')
})
afterEach(() => new Promise((closed) => server.close(closed)))
const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

test('an Ironic whose database is locked is asked again', async () => {
  expect(await askIronic(url(), SENT)).toMatchObject({ status: 200 })
  expect(requests).toBe(3)
})

test('a database of ours that is locked is a difference', async () => {
  expect(await askFerrule(url(), SENT)).toMatchObject({ status: 500, body: LOCKED })
  expect(requests).toBe(1)
})

test.each([askIronic, askFerrule])(
  'a node that is locked is asked for again, however long the server waits by itself',
  async (ask) => {
    refusal = { error_message: JSON.stringify({ faultstring: 'Node 1 is locked by host c9, please retry' }) }
    expect(await ask(url(), SENT)).toMatchObject({ status: 200 })
    expect(requests).toBe(3)
  },
)

test.each(['revoked_at', 'last_error', 'driver_internal_info'])(
  '%s that one does not have is missing, whatever the other has',
  (name) => {
    const seen = (body: unknown) => ({ status: 200, body, location: null, version: '1.82', type: 'application/json' })
    for (const value of [null, '2026-01-01T00:00:00+00:00', {}])
      expect(differences(seen({}), seen({ [name]: value }))).toEqual([
        { at: `.${name}`, theirs: 'missing', ours: value },
      ])
  },
)

test.each([
  ['location', '/v1/nodes/a'],
  ['version', '1.81'],
  ['type', 'text/plain'],
] as const)('%s is compared, of refusals as well', (head, theirs) => {
  for (const status of [200, 404]) {
    const seen = { status, body: { a: 1 }, location: null, version: '1.82', type: 'application/json' }
    expect(differences({ ...seen, [head]: theirs }, seen)).toEqual([{ at: head, theirs, ours: seen[head] }])
  }
})
