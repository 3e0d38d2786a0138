// The rack's network: everything in one network namespace, the conductor, the BMCs and the machines' cables.
//   prov  bridge  10.77.0.0/24   machines' NICs (one tap each); the conductor is 10.77.0.1
//   oob   bridge  10.78.0.0/24   BMCs, 10.78.0.11 for the first machine; the conductor is 10.78.0.1
//   wan   bridge  10.79.0.0/24   the cloud is 10.79.0.1, as the conductor and the operator see it
import { spawn } from 'node:child_process'
import { once } from 'node:events'

export const addresses = {
  /** The conductor towards the machines: DHCP, TFTP, HTTP boot, agent API. */
  conductor: '10.77.0.1',
  /** The conductor towards the BMCs. */
  conductorOutOfBand: '10.78.0.1',
  cloud: '10.79.0.1',
  /** Of another host (host.ts) on each network; the first is number 0. */
  host: (index: number) => ({ prov: `10.77.0.${2 + index}`, oob: `10.78.0.${2 + index}`, wan: `10.79.0.${2 + index}` }),
  provisioning: { interface: 'prov', network: '10.77.0.0/24', linkLocal: 'fe80::1' },
  outOfBand: { interface: 'oob', network: '10.78.0.0/24' },
  bmc: (index: number) => `10.78.0.${11 + index}`,
} as const

export const tapName = (index: number) => `machine${index + 1}`

const MOST_MACHINES = 240 // BMC addresses in one /24

/** Lines for `ip -batch`, for a network namespace that has nothing in it yet. */
export function networkCommands(machines: number): string[] {
  if (machines > MOST_MACHINES) throw new Error(`a rack holds at most ${MOST_MACHINES} machines`)
  const bridge = (name: string, address: string) => [
    `link add ${name} type bridge forward_delay 0 stp_state 0 mcast_snooping 0`,
    `link set ${name} addrgenmode none up`,
    `addr add ${address}/24 brd + dev ${name}`,
  ]
  const each = Array.from({ length: machines }, (_, index) => index)
  return [
    'link set lo up',
    ...bridge('prov', addresses.conductor),
    // Without nodad the address would be unusable for as long as no machine is on.
    `addr add ${addresses.provisioning.linkLocal}/64 dev prov nodad`,
    ...bridge('oob', addresses.conductorOutOfBand),
    ...bridge('wan', addresses.cloud),
    ...each.map((index) => `addr add ${addresses.bmc(index)}/24 dev oob`),
    ...each.flatMap((index) => [
      `tuntap add dev ${tapName(index)} mode tap`,
      `link set ${tapName(index)} master prov addrgenmode none up`,
    ]),
  ]
}

/** Builds the network in the current namespace. Needs CAP_NET_ADMIN there and a readable /dev/net/tun. */
export async function buildNetwork(machines: number): Promise<void> {
  const ip = spawn('ip', ['-batch', '-'], { stdio: ['pipe', 'ignore', 'pipe'] })
  let problem = ''
  ip.stderr.setEncoding('utf8').on('data', (text: string) => (problem += text))
  ip.stdin.end(`${networkCommands(machines).join('\n')}\n`)
  const [code] = (await once(ip, 'close')) as [number | null]
  if (code === 0) return
  const hint = /tun|Permission denied/.test(problem)
    ? ' (/dev/net/tun must be readable and writable for this user: sudo chmod 666 /dev/net/tun)'
    : ''
  throw new Error(`ip could not build the rack's network${hint}:\n${problem}`)
}
