// The door of conductors: the WebSocket to their site's hub, and the blobs (config drives) of their site.
import { FaultError } from '../../../shared/faults.ts'
import { CONNECT_PATH, SUBPROTOCOL } from '../../../shared/upgrade.ts'
import type { Call, Route } from '../call.ts'
import { verified } from './identity.ts'

async function connect(call: Call): Promise<Response> {
  const { headers } = call.request
  const offered = (headers.get('sec-websocket-protocol') ?? '').split(',').map((name) => name.trim())
  if (headers.get('upgrade')?.toLowerCase() !== 'websocket')
    throw new FaultError('request.invalid', 'This path takes WebSocket upgrades.')
  if (!offered.includes(SUBPROTOCOL)) throw new FaultError('request.invalid', `The subprotocol must be ${SUBPROTOCOL}.`)
  const { organisation, site, ...upgrade } = await verified(call)
  return call.ports.hub.connect({ organisation, site }, upgrade, call.request)
}

async function getBlob(call: Call): Promise<Response> {
  const { site } = await verified(call)
  const key = call.params['key']!
  // Another site's blob does not exist for this one.
  const blob = key.startsWith(`sites/${site}/`) && !key.includes('..') ? await call.ports.blobs.get(key) : null
  if (!blob) throw new FaultError('not_found', `There is no blob ${key}.`)
  return new Response(blob as Uint8Array<ArrayBuffer>, {
    headers: { 'Content-Type': 'application/octet-stream', 'Cache-Control': 'no-store' },
  })
}

export const connectRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: CONNECT_PATH,
    about: 'The WebSocket of a conductor; its upgrade is signed',
    ok: 101,
    open: true,
    run: connect,
  },
  {
    method: 'GET',
    path: '/v1/conductor/blobs/:key{.+}',
    about: 'A blob of the site of the conductor that asks; the request is signed',
    open: true,
    run: getBlob,
  },
]
