// A simulated BMC on a UDP port. One process carries a thousand of them.
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import type { AddressInfo } from 'node:net'
import { memoryChassis, type Chassis } from './chassis.ts'
import type { CommandLog } from './log.ts'
import { badNetwork, type NetworkFaults, type SetTimer } from './network.ts'
import { createBmc, type BmcOptions, type FirmwareFaults } from './server.ts'
import type { Sensors } from './sdr.ts'
import type { User } from './sessions.ts'
import type { SerialLine, Sol } from './sol.ts'

export interface StartOptions extends BmcOptions {
  /** Default 127.0.0.1. */
  address?: string
  /** Default 0: any. */
  port?: number
  /** Default: a chassis without a machine, switched off. */
  chassis?: Chassis
  /** Of the network faults; print it in tests. Default 1. */
  seed?: number
  network?: Partial<NetworkFaults>
}

export interface RunningBmc {
  address: string
  port: number
  chassis: Chassis
  log: CommandLog
  /** May be changed at any time, as may `firmware` and `users`. */
  network: NetworkFaults
  firmware: FirmwareFaults
  users: User[]
  /** The machine's serial line. */
  serial: SerialLine & Pick<Sol, 'faults'>
  sensors: Sensors
  activeSessions(): number
  /** As a restart of the BMC would. */
  forgetSessions(): void
  close(): Promise<void>
}

export async function startBmc(options: StartOptions = {}): Promise<RunningBmc> {
  const { address = '127.0.0.1', chassis = memoryChassis(), seed = 1 } = options
  const setTimer: SetTimer = (run, delayMs) => {
    const timer = setTimeout(run, delayMs)
    return () => clearTimeout(timer)
  }
  const world = { now: () => performance.now(), random: (length: number) => randomBytes(length), setTimer }
  const server = createBmc(chassis, options, world)
  const network = badNetwork(seed, options.network ?? {}, setTimer)
  const socket = createSocket({
    type: address.includes(':') ? 'udp6' : 'udp4',
    // Replies go to numeric addresses: no lookup, and so no detour over the next tick.
    lookup: (name, _options, found) => found(null, name, address.includes(':') ? 6 : 4),
  })
  let closed = false
  socket.on('message', (request, from) => {
    network.pass(request, (arrived) => {
      const send = (packet: Uint8Array) =>
        network.pass(packet, (sent) => closed || socket.send(sent, from.port, from.address, () => {}))
      const answer = server.receive(arrived, send)
      if (answer) send(answer)
    })
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(options.port ?? 0, address, () => {
      socket.off('error', reject)
      socket.on('error', () => {})
      resolve()
    })
  })
  const { port } = socket.address() as AddressInfo
  server.sol.port = port
  return {
    address,
    port,
    chassis,
    log: server.log,
    network: network.faults,
    firmware: server.faults,
    users: server.users,
    serial: server.sol,
    sensors: server.sensors,
    activeSessions: () => server.sessions.active().length,
    forgetSessions: () => server.sessions.forgetAll(),
    async close() {
      if (closed) return
      closed = true
      server.sessions.forgetAll()
      network.close()
      await new Promise<void>((resolve) => socket.close(() => resolve()))
    },
  }
}
