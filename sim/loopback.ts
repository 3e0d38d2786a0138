// A /16 of the loopback network for one simulated site: 127.X.0.1 is its conductor (127.X.0.2 and up more of them), machines boot at 127.X.1.1 and up, and the relay
// that their DHCP goes through is 127.X.255.254. Linux answers for all of 127.0.0.0/8 without any set-up, so nothing here needs root.
import { createServer } from 'node:net'

/** Whoever listens here has the network; the port means nothing else. */
const CLAIM_PORT = 6300
const FIRST = 16
const LAST = 250

export interface LoopbackNetwork {
  /** X, unique on this host while it is held. */
  readonly number: number
  readonly conductor: string
  /** Of the n-th conductor, from 1: the first is `conductor`. */
  conductorAt(n: number): string
  readonly relay: string
  /** As a site's address pool: room for 51,000 machines. */
  readonly pool: { readonly cidr: string; readonly first: string; readonly last: string }
  release(): Promise<void>
}

/** Takes a network that no other simulated site on this host has. */
export async function claimNetwork(): Promise<LoopbackNetwork> {
  const count = LAST - FIRST + 1
  const start = Math.floor(Math.random() * count)
  for (let i = 0; i < count; i++) {
    const number = FIRST + ((start + i) % count)
    const release = await claim(`127.${number}.255.254`)
    if (release === undefined) continue
    return {
      number,
      conductor: `127.${number}.0.1`,
      conductorAt: (n) => `127.${number}.0.${n}`,
      relay: `127.${number}.255.254`,
      pool: { cidr: `127.${number}.0.0/16`, first: `127.${number}.1.1`, last: `127.${number}.200.254` },
      release,
    }
  }
  throw new Error(
    'all simulated networks of this host are taken (or it does not answer for 127.0.0.0/8: only Linux does)',
  )
}

function claim(address: string): Promise<(() => Promise<void>) | undefined> {
  const server = createServer((socket) => socket.destroy())
  return new Promise((resolve) => {
    server.once('error', () => resolve(undefined))
    server.listen({ host: address, port: CLAIM_PORT, exclusive: true }, () =>
      resolve(() => new Promise((closed) => server.close(() => closed()))),
    )
  })
}
