// The Worker under test, in the same workerd as its tests.
import { exports } from 'cloudflare:workers'
import { inject } from 'vitest'
import { SUBPROTOCOL } from '../../../shared/upgrade.ts'
import type { HostUnderTest } from '../test-conductor.ts'
import './provided.ts'

const url = 'http://ferrule.test'
const worker = (exports as unknown as { default: Fetcher }).default

export const host: HostUnderTest = {
  url,
  token: inject('token'),
  fetch: (path, init) => worker.fetch(`${url}${path}`, init),
  async connect(path, headers, handler) {
    const upgrade = { Upgrade: 'websocket', 'Sec-WebSocket-Protocol': SUBPROTOCOL, ...headers }
    const response = await worker.fetch(`${url}${path}`, { headers: upgrade })
    const socket = response.webSocket
    if (!socket) return new Response(await response.text(), { status: response.status })
    socket.addEventListener('message', (event) => handler.onMessage(String(event.data)))
    socket.addEventListener('close', (event) => handler.onClose(event.code))
    socket.accept()
    return {
      protocol: response.headers.get('sec-websocket-protocol') ?? '',
      send: (frame) => socket.send(frame),
      close: (code, reason) => socket.close(code, reason),
    }
  },
}
