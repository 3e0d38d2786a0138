// As much of an identity service (Keystone v3) as a test suite needs to find the bare metal service and a token for it: whoever asks is the operator.
import { createServer, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

const DOMAIN = { id: 'default', name: 'Default' }

/** `baremetal`: where it is. `token`: what everybody gets. `url` ends with /v3. */
export async function startKeystone(
  baremetal: string,
  token: string,
): Promise<{ url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => answer(response, request.method === 'POST' && request.url === '/v3/auth/tokens'))
  })
  const answer = (response: ServerResponse, isToken: boolean): void => {
    const body = isToken ? { token: grant(baremetal) } : { error: { code: 404, title: 'Not Found' } }
    response.writeHead(isToken ? 201 : 404, { 'content-type': 'application/json', 'x-subject-token': token })
    response.end(JSON.stringify(body))
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = async () => {
    server.close()
    await once(server, 'close')
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v3`, close }
}

function grant(url: string): object {
  const endpoint = { id: 'e', interface: 'public', region: 'RegionOne', region_id: 'RegionOne', url }
  return {
    methods: ['password'],
    user: { id: 'u', name: 'admin', domain: DOMAIN },
    project: { id: 'p', name: 'admin', domain: DOMAIN },
    roles: [{ id: 'r', name: 'admin' }],
    catalog: [{ id: 's', type: 'baremetal', name: 'ironic', endpoints: [endpoint] }],
    issued_at: '2020-01-01T00:00:00.000000Z',
    expires_at: '2099-01-01T00:00:00.000000Z',
  }
}
