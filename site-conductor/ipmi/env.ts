// What the client needs from the world: datagrams, a monotonic clock, timers, randomness, name lookup. Injected, so that a
// simulator can run this very code on virtual time.
import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { randomFillSync } from 'node:crypto'

export interface UdpSocket {
  /** Sends now, in this turn of the event loop. `address` is numeric. A lost packet is silence, never an exception. */
  send(packet: Uint8Array, port: number, address: string): void
  close(): void
}

export type OnPacket = (packet: Uint8Array, from: { address: string; port: number }) => void

export interface Env {
  /** Monotonic milliseconds. */
  mono(): number
  /** Calls once after `delayMs`; returns how to take it back. */
  setTimer(run: () => void, delayMs: number): () => void
  /** `length` ≤ 64 unpredictable bytes that nobody else gets; valid until written to by their owner. */
  random(length: number): Uint8Array
  /** A bound socket with an ephemeral port. */
  udp(family: 4 | 6, onPacket: OnPacket): Promise<UdpSocket>
  /** The numeric address of a host name. */
  lookup(host: string): Promise<string>
}

/** The real world. */
export function nodeEnv(): Env {
  return {
    mono: () => performance.now(),
    setTimer(run, delayMs) {
      const timer = setTimeout(run, delayMs)
      return () => clearTimeout(timer)
    },
    random: pooledRandom(),
    udp: openUdp,
    lookup: async (host) => (isIP(host) === 0 ? (await lookup(host)).address : host),
  }
}

/** Asks the kernel for 4 KiB at a time: one call per packet would cost more than the packet's HMAC. */
function pooledRandom(): Env['random'] {
  let pool = Buffer.alloc(0)
  return (length) => {
    if (pool.length < length) pool = randomFillSync(Buffer.allocUnsafeSlow(4096))
    const bytes = pool.subarray(0, length)
    pool = pool.subarray(length)
    return bytes
  }
}

function openUdp(family: 4 | 6, onPacket: OnPacket): Promise<UdpSocket> {
  // Our addresses are numeric. Node's default lookup would still put each send off to the next tick, and a lease that is checked
  // in `before` has to be checked in the very turn in which the packet leaves.
  const socket = createSocket({
    type: family === 4 ? 'udp4' : 'udp6',
    lookup: (address, _options, found) => found(null, address, family),
  })
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.on('message', onPacket)
    socket.bind(0, () => {
      socket.off('error', reject)
      // Errors of a datagram socket (no route, say) belong to no request: the request's own timeout tells.
      socket.on('error', () => {})
      try {
        socket.setRecvBufferSize(4 << 20)
      } catch {
        // The system's limit is lower; lost packets are asked for again.
      }
      resolve({
        send: (packet, port, address) => socket.send(packet, port, address, () => {}),
        close: () => socket.close(),
      })
    })
  })
}
