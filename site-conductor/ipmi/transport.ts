// UDP sockets shared by many sessions. Invariant: no two live sessions with one BMC share a socket, so a packet's source names its
// session, and BMCs that tell sessions apart by the console's port (pyghmi's server does) are not confused.
import type { Env, UdpSocket } from './env.ts'

export type PacketHandler = (packet: Uint8Array) => void

/** One session's way to its BMC. */
export interface Channel {
  /** Sends in this turn; does nothing after release. */
  send(packet: Uint8Array): void
  /** Who gets what comes back. */
  onPacket: PacketHandler
  /** Frees the socket's slot for another session with this BMC. */
  release(): void
}

export interface Transport {
  /** `address` is numeric. */
  open(address: string, port: number): Promise<Channel>
  /** Closes the sockets; sessions on them hear nothing any more. */
  close(): void
}

interface Lane {
  family: 4 | 6
  socket: UdpSocket
  peers: Map<string, Channel>
}

/** Two sockets (reads, mutations) serve any number of BMCs: more are opened only when a BMC has more sessions at once. */
export function openTransport(env: Env): Transport {
  const lanes: Lane[] = []
  let closed = false
  /** Openings run one after another, so that a burst of sessions opens one socket and not one each. */
  let turn: Promise<unknown> = Promise.resolve()

  async function laneFor(family: 4 | 6, key: string): Promise<Lane> {
    if (closed) throw new Error('transport is closed')
    const free = lanes.find((lane) => lane.family === family && !lane.peers.has(key))
    if (free) return free
    const peers = new Map<string, Channel>()
    const socket = await env.udp(family, (packet, from) => peers.get(keyOf(from.address, from.port))?.onPacket(packet))
    const lane = { family, socket, peers }
    lanes.push(lane)
    return lane
  }

  async function open(address: string, port: number): Promise<Channel> {
    const key = keyOf(address, port)
    const { socket, peers } = await laneFor(address.includes(':') ? 6 : 4, key)
    if (closed) {
      socket.close()
      throw new Error('transport is closed')
    }
    let released = false
    const channel: Channel = {
      send(packet) {
        if (!released && !closed) socket.send(packet, port, address)
      },
      onPacket() {},
      release() {
        if (released) return
        released = true
        peers.delete(key)
      },
    }
    peers.set(key, channel)
    return channel
  }

  return {
    open(address, port) {
      const opened = turn.then(() => open(address, port))
      turn = opened.catch(() => {})
      return opened
    },
    close() {
      if (closed) return
      closed = true
      for (const lane of lanes) lane.socket.close()
    },
  }
}

function keyOf(address: string, port: number): string {
  return `${port} ${address}`
}
