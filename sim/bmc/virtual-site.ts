// A BMC and the client's world on one virtual clock, without sockets: silence costs no time, and a test may lose, hold, change or
// invent any datagram.
import type { Env } from '../../site-conductor/ipmi/env.ts'
import type { SessionOptions } from '../../site-conductor/ipmi/options.ts'
import { openSession, type Session } from '../../site-conductor/ipmi/session.ts'
import { memoryChassis, type MemoryChassis } from './chassis.ts'
import { mulberry32 } from './network.ts'
import { createBmc, type BmcOptions, type BmcServer } from './server.ts'

export interface VirtualSite {
  bmc: BmcServer
  chassis: MemoryChassis
  env: Env
  /** What the client has sent, oldest first. */
  sent: Uint8Array[]
  /** May be replaced: each returns the datagram that goes on, or undefined to lose it. */
  wire: { toBmc(packet: Uint8Array): Uint8Array | undefined; toClient(packet: Uint8Array): Uint8Array | undefined }
  /** Hands the client a datagram from the BMC's address. */
  deliver(packet: Uint8Array): void
  /** Lets time go by. */
  pass(ms: number): void
  /** admin/secret at Operator level, one retry. */
  login(options?: Partial<SessionOptions>): Promise<Session>
}

export function virtualSite(options: BmcOptions = {}): VirtualSite {
  let nowMs = 1_000
  const next = mulberry32(7)
  const random = (length: number) => Uint8Array.from({ length }, () => next() * 256)
  const chassis = memoryChassis()
  const bmc = createBmc(chassis, options, { now: () => nowMs, random })
  const sent: Uint8Array[] = []
  const wire: VirtualSite['wire'] = { toBmc: (packet) => packet, toClient: (packet) => packet }
  const from = { address: '192.0.2.1', port: 623 }
  const listeners: ((packet: Uint8Array) => void)[] = []
  const deliver = (packet: Uint8Array) => {
    for (const listener of listeners) listener(packet)
  }
  const env: Env = {
    mono: () => nowMs,
    random,
    lookup: async () => from.address,
    // Silence is over at once: the clock jumps to the timer that is due, unless an answer came first.
    setTimer(run, delayMs) {
      let on = true
      setImmediate(() => {
        if (!on) return
        nowMs += delayMs
        run()
      })
      return () => void (on = false)
    },
    udp: async (_family, onPacket) => {
      listeners.push((packet) => onPacket(packet, from))
      return {
        send(packet) {
          sent.push(packet)
          const arrived = wire.toBmc(packet)
          const back = (packet: Uint8Array) => {
            const returned = wire.toClient(packet)
            if (returned) queueMicrotask(() => deliver(returned))
          }
          const answer = arrived && bmc.receive(arrived, back)
          if (answer) back(answer)
        },
        close() {},
      }
    },
  }
  const login = (more: Partial<SessionOptions> = {}) =>
    openSession({ host: 'bmc', username: 'admin', password: 'secret', privilege: 'operator', retries: 1, env, ...more })
  return { bmc, chassis, env, sent, wire, deliver, pass: (ms) => void (nowMs += ms), login }
}
