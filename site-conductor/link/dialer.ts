// The one socket to the cloud, behind an interface so that the simulator can be the network.
import { WebSocket } from 'ws'
import { CLOSE, SUBPROTOCOL } from '../../shared/upgrade.ts'
import { MAX_FRAME_BYTES } from '../../shared/protocol.ts'

export interface SocketEvents {
  opened(): void
  message(frame: string): void
  /** Comes exactly once, also when the socket never opened. `code` as in RFC 6455 §7.4 or upgrade.ts; 1006 when nobody said. */
  closed(code: number, reason: string): void
}

export interface Socket {
  send(frame: string): void
  close(code: number, reason: string): void
}

export interface Dialer {
  dial(url: string, headers: Record<string, string>, events: SocketEvents): Socket
}

const HANDSHAKE_TIMEOUT_MS = 15_000
const CLOSE_TIMEOUT_MS = 2_000

/** What an HTTP answer in place of an upgrade means, as the close code that the same refusal has on an open socket. */
const REFUSALS: Readonly<Record<number, number>> = {
  401: CLOSE.identity,
  403: CLOSE.revoked,
  409: CLOSE.conflict,
  426: CLOSE.upgradeRequired,
  429: CLOSE.slowDown,
}

export const webSocketDialer: Dialer = {
  dial(url, headers, events) {
    const socket = new WebSocket(url, SUBPROTOCOL, {
      headers,
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: MAX_FRAME_BYTES * 4,
    })
    let reason = ''
    let refused: number | undefined
    socket.on('open', () => events.opened())
    socket.on('message', (data, isBinary) => {
      if (isBinary) return socket.close(CLOSE.malformed, 'binary frame')
      events.message((data as Buffer).toString())
    })
    socket.on('unexpected-response', (request, response) => {
      refused = REFUSALS[response.statusCode ?? 0]
      reason = `HTTP ${response.statusCode}`
      request.destroy()
      // ws leaves the end of a refused handshake to whoever listens here.
      socket.terminate()
    })
    socket.on('error', (error) => {
      reason ||= error.message
    })
    socket.on('close', (code, why) => events.closed(refused ?? code, why.toString() || reason))
    return {
      send(frame) {
        if (socket.readyState === WebSocket.OPEN) socket.send(frame)
      },
      close(code, why) {
        socket.close(code, why)
        setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS).unref()
      },
    }
  },
}
