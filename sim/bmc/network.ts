// A bad network between a BMC and the world: loses, doubles, swaps and delays datagrams, from a seed.

export interface NetworkFaults {
  /** Probabilities per datagram and direction, 0–1. */
  drop: number
  duplicate: number
  /** Holds a datagram back until later ones have passed. */
  reorder: number
  /** Added in each direction. */
  delayMs: number
  /** Nothing gets in or out. */
  silent: boolean
}

export type SetTimer = (run: () => void, delayMs: number) => () => void

/** How long a swapped datagram stays behind: long enough for a retransmission to overtake it in tests with short timeouts. */
const heldMs = 15

export interface BadNetwork {
  faults: NetworkFaults
  pass(packet: Uint8Array, deliver: (packet: Uint8Array) => void): void
  /** Takes back what is still under way. */
  close(): void
}

export function badNetwork(seed: number, faults: Partial<NetworkFaults>, setTimer: SetTimer): BadNetwork {
  const random = mulberry32(seed)
  const all = { drop: 0, duplicate: 0, reorder: 0, delayMs: 0, silent: false, ...faults }
  const underWay = new Set<() => void>()
  const after = (delayMs: number, deliver: () => void) => {
    if (delayMs === 0) return deliver()
    const stop = setTimer(() => {
      underWay.delete(stop)
      deliver()
    }, delayMs)
    underWay.add(stop)
  }
  return {
    faults: all,
    pass(packet, deliver) {
      if (all.silent) return
      const copies = random() < all.duplicate ? 2 : 1
      for (let copy = 0; copy < copies; copy++) {
        if (random() < all.drop) continue
        const held = random() < all.reorder ? heldMs : 0
        // The second copy of a doubled datagram comes a little later, when there may be an answer already.
        after(all.delayMs + held + copy, () => all.silent || deliver(packet))
      }
    },
    close() {
      for (const stop of underWay) stop()
      underWay.clear()
    },
  }
}

/** Small seeded generator (Tommy Ettinger's mulberry32, public domain). Numbers in [0, 1). */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
