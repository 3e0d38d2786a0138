// A UDP proxy that spoils a network on purpose: loses, doubles, reorders and delays datagrams, by a seed. Clients talk
// to its port as if it were the server.
import dgram from 'node:dgram'
import { once } from 'node:events'

export interface Spoiling {
  seed?: number
  /** Probabilities, 0..1, per datagram and direction. */
  loss?: number
  double?: number
  /** A datagram waits until the next one has passed. */
  reorder?: number
  /** Doubles every datagram of clients (ACKs) exactly. */
  doubleFromClient?: boolean
  /** One way. Kept by spinning, since timers are too coarse below a few milliseconds. */
  delayMs?: number
}

export interface SpoilingProxy {
  port: number
  counts: { lost: number; doubled: number; reordered: number; fromServer: number; fromClient: number }
  close(): Promise<void>
}

interface Session {
  back: dgram.Socket
  /** The server's port for this transfer, once it has answered. */
  serverPort: number
}

export async function spoilingProxy(
  server: { address: string; port: number },
  spoiling: Spoiling,
): Promise<SpoilingProxy> {
  const { address } = server
  const random = generator(spoiling.seed ?? 1)
  const counts = { lost: 0, doubled: 0, reordered: 0, fromServer: 0, fromClient: 0 }
  const front = dgram.createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 })
  front.bind(0, address)
  await once(front, 'listening')
  const sessions = new Map<number, Session>()
  const held = new Map<string, () => void>()
  const delayed = delayLine(spoiling.delayMs ?? 0)

  const pass = (direction: string, send: () => void): void => {
    const { loss = 0, double = 0, reorder = 0 } = spoiling
    if (random() < loss) {
      counts.lost++
      return
    }
    const waiting = held.get(direction)
    if (waiting === undefined && random() < reorder) {
      counts.reordered++
      held.set(direction, send)
      return
    }
    delayed(send)
    if (random() < double || (spoiling.doubleFromClient === true && direction.startsWith('client'))) {
      counts.doubled++
      delayed(send)
    }
    if (waiting) {
      held.delete(direction)
      delayed(waiting)
    }
  }

  const open = (clientPort: number): Session => {
    const back = dgram.createSocket({ type: 'udp4', recvBufferSize: 4 << 20 })
    const session = { back, serverPort: server.port }
    back.bind(0, address)
    back.on('error', () => {})
    back.on('message', (bytes, from) => {
      counts.fromServer++
      session.serverPort = from.port
      pass(`server ${clientPort}`, () => front.send(bytes, clientPort, address, () => {}))
    })
    sessions.set(clientPort, session)
    return session
  }

  front.on('message', (bytes, from) => {
    counts.fromClient++
    const session = sessions.get(from.port) ?? open(from.port)
    pass(`client ${from.port}`, () => {
      if (sessions.has(from.port)) session.back.send(bytes, session.serverPort, address, () => {})
    })
  })
  front.on('error', () => {})

  return {
    port: front.address().port,
    counts,
    async close() {
      const sockets = [front, ...Array.from(sessions.values(), ({ back }) => back)]
      sessions.clear()
      await Promise.all(sockets.map((socket) => new Promise<void>((resolve) => socket.close(() => resolve()))))
    },
  }
}

function delayLine(delayMs: number): (send: () => void) => void {
  if (delayMs === 0) return (send) => send()
  const line: { dueMs: number; send: () => void }[] = []
  let spinning = false
  const spin = (): void => {
    const nowMs = performance.now()
    while (line[0] !== undefined && line[0].dueMs <= nowMs) line.shift()?.send()
    spinning = line.length > 0
    if (spinning) setImmediate(spin)
  }
  return (send) => {
    line.push({ dueMs: performance.now() + delayMs, send })
    if (spinning) return
    spinning = true
    setImmediate(spin)
  }
}

/** Numbers in 0..1 (xorshift32). */
function generator(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0 || 1
  return () => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state / 2 ** 32
  }
}
