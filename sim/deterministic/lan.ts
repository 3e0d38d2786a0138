// The network of a site between conductors and BMCs: datagrams that are lost, doubled, late or out of order. A packet knows on whose
// behalf it was sent: the judge asks. 1. What a stopped host has not put on the wire yet, it puts there when it goes on.
import type { Env as IpmiEnv } from '../../site-conductor/ipmi/env.ts'
import type { Machine } from './machine.ts'
import type { LanMix } from './mix.ts'
import type { Process } from './process.ts'
import type { World } from './world.ts'

/** Who changes something, and by which right: what stands behind a packet of a mutation. */
export interface Cause {
  readonly conductor: string
  readonly node: string
  readonly epoch: number
  readonly task: string | undefined
  readonly step: string
  /** The one run of that step, or of a call, that it is part of. */
  readonly act: object
}

const LATE_MS = 8_000
const CHANGES = /power_(on|off)$|boot/

export class Lan {
  readonly faults: { -readonly [K in keyof LanMix]: LanMix[K] }
  readonly machines = new Map<string, Machine>()
  readonly #world: World
  readonly #random

  constructor(world: World, faults: LanMix) {
    this.#world = world
    this.faults = { ...faults }
    this.#random = world.random.stream('lan')
  }

  /** The world of the IPMI client inside `process`. `takeCause`: on whose behalf the packet that is being sent now goes out. */
  ipmi(process: Process, takeCause: () => Cause | undefined): IpmiEnv {
    const { env } = process
    return {
      mono: () => env.mono(),
      setTimer: (run, delayMs) => env.setTimer(delayMs, run),
      random: (length) => env.random(length),
      lookup: async (host) => host,
      udp: async (_family, onPacket) => {
        let open = true
        return {
          send: (packet, port, address) => {
            const cause = takeCause()
            const machine = this.machines.get(address)
            if (machine === undefined) return
            const bytes = Uint8Array.from(packet)
            if (cause?.task !== undefined && this.#stalls(cause)) this.#stall(process, cause)
            this.#go(process, () => {
              const answer = machine.receive(bytes, cause)
              if (answer === undefined) return
              const copy = Uint8Array.from(answer)
              this.#go(undefined, () => process.run(() => open && onPacket(copy, { address, port })))
            })
          },
          close: () => void (open = false),
        }
      },
    }
  }

  /** A question over TCP to something at a machine: it arrives or it does not, and so does its answer. */
  async ask<T>(process: Process, signal: AbortSignal, what: () => T, timeoutMs = 5_000): Promise<T | undefined> {
    return await new Promise((resolve, reject) => {
      process.env.setTimer(timeoutMs, () => resolve(undefined))
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
      this.#go(process, () => {
        const answer = what()
        this.#go(undefined, () => process.run(() => resolve(answer)))
      })
    })
  }

  #stalls({ step }: Cause): boolean {
    const { stall, stallsActs } = this.faults
    return (!stallsActs || CHANGES.test(step)) && this.#random.chance(stall)
  }

  /** The host stops before the packet that it sends now has left it, for longer than a lease and shorter than a BMC's session lives. */
  #stall(process: Process, { conductor, step }: Cause): void {
    const forMs = this.#random.between(17_500, 58_000)
    this.#world.say('FAULT', `stall of ${conductor} at ${step} for ${Math.round(forMs)} ms`)
    process.stop(forMs, this.#random.chance(0.5))
  }

  #go(from: Process | undefined, arrive: () => void): void {
    const { loss, doubled, latencyMs, hostMs, late } = this.faults
    const copies = this.#random.chance(doubled) ? 2 : 1
    const travel = () => {
      for (let copy = 0; copy < copies; copy++)
        if (!this.#random.chance(loss)) this.#world.clock.after(this.#travelMs(latencyMs, late), arrive)
    }
    if (from === undefined || hostMs === 0) return travel()
    this.#world.clock.after(this.#random.between(0, hostMs), () => from.leave(travel))
  }

  #travelMs(latencyMs: number, late: number): number {
    return this.#random.between(0.1, late > 0 && this.#random.chance(late) ? LATE_MS : latencyMs)
  }
}
