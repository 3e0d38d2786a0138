// Answers IPv6 router solicitations on one interface with "there is no router here", which spares each iPXE start 13 s of
// waiting for one. Router lifetime 0 and no prefix: nobody gets a route or an address from it (RFC 4861 §4.2, §6.2.3).
// 1. Nothing is sent unasked. 2. For the rack only: on somebody's LAN an unexpected advertisement is an incident.
// Node has no raw sockets; node:ffi calls the C library. Needs CAP_NET_RAW in the network namespace.
export interface RouterAdvertisement {
  /** How many solicitations were answered. */
  readonly answered: number
  stop(): void
}

const POLL_MS = 20

// Linux values: <bits/socket.h>, <linux/in6.h>, <linux/icmpv6.h>.
const AF_INET6 = 10
const SOCK_RAW = 3
const SOL_SOCKET = 1
const SO_BINDTODEVICE = 25
const MSG_DONTWAIT = 0x40
const IPPROTO_IPV6 = 41
const IPV6_MULTICAST_IF = 17
const IPV6_MULTICAST_HOPS = 18
const IPV6_ADD_MEMBERSHIP = 20
const IPPROTO_ICMPV6 = 58
const ICMPV6_FILTER = 1

const ROUTER_SOLICITATION = 133
const ROUTER_ADVERTISEMENT = 134
const ALL_NODES = Uint8Array.of(0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
const ALL_ROUTERS = Uint8Array.of(0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2)

// RFC 4861 §4.2; the kernel fills in the checksum. All else is zero: lifetime, flags, timers.
const ADVERTISEMENT = Uint8Array.of(ROUTER_ADVERTISEMENT, ...new Uint8Array(15))

const int32 = (value: number) => new Uint8Array(Int32Array.of(value).buffer)

/** Starts answering on `interfaceName`, which needs a link-local address. Rejects when the kernel refuses. */
export async function answerRouterSolicitations(interfaceName: string): Promise<RouterAdvertisement> {
  const { dlopen } = await import('node:ffi') // experimental: its warning belongs to racks only
  const { functions: libc, lib } = dlopen('libc.so.6', {
    socket: { return: 'int32', arguments: ['int32', 'int32', 'int32'] },
    setsockopt: { return: 'int32', arguments: ['int32', 'int32', 'int32', 'buffer', 'uint32'] },
    sendto: { return: 'int64', arguments: ['int32', 'buffer', 'uint64', 'int32', 'buffer', 'uint32'] },
    recv: { return: 'int64', arguments: ['int32', 'buffer', 'uint64', 'int32'] },
    if_nametoindex: { return: 'uint32', arguments: ['string'] },
    close: { return: 'int32', arguments: ['int32'] },
  })
  const interfaceIndex = libc.if_nametoindex(interfaceName)
  const socket = libc.socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6)
  const refused = (what: string) => {
    if (socket >= 0) libc.close(socket)
    lib.close()
    return new Error(`router advertisements on ${interfaceName}: ${what} was refused`)
  }
  if (interfaceIndex === 0 || socket < 0) throw refused(interfaceIndex === 0 ? 'the interface name' : 'a raw socket')

  const onlySolicitations = new Uint32Array(8).fill(0xffffffff) // a set bit blocks that type
  onlySolicitations[ROUTER_SOLICITATION >> 5] = ~(1 << (ROUTER_SOLICITATION & 31))
  const options: readonly [what: string, level: number, option: number, value: Uint8Array][] = [
    ['binding to the interface', SOL_SOCKET, SO_BINDTODEVICE, Buffer.from(`${interfaceName}\0`)],
    ['the message filter', IPPROTO_ICMPV6, ICMPV6_FILTER, new Uint8Array(onlySolicitations.buffer)],
    ['the outgoing interface', IPPROTO_IPV6, IPV6_MULTICAST_IF, int32(interfaceIndex)],
    ['hop limit 255', IPPROTO_IPV6, IPV6_MULTICAST_HOPS, int32(255)], // RFC 4861 §6.1.2: any other is ignored
    ['joining all routers', IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, Buffer.concat([ALL_ROUTERS, int32(interfaceIndex)])],
  ]
  for (const [what, level, option, value] of options) {
    if (libc.setsockopt(socket, level, option, value, value.length) !== 0) throw refused(what)
  }

  const everyone = socketAddress(ALL_NODES, interfaceIndex)
  const received = new Uint8Array(1500)
  let answered = 0
  const timer = setInterval(() => {
    while (libc.recv(socket, received, BigInt(received.length), MSG_DONTWAIT) > 0n) {
      if (received[0] !== ROUTER_SOLICITATION) continue
      const sent = libc.sendto(socket, ADVERTISEMENT, BigInt(ADVERTISEMENT.length), 0, everyone, everyone.length)
      if (sent > 0n) answered += 1
    }
  }, POLL_MS)
  timer.unref()

  let stopped = false
  return {
    get answered() {
      return answered
    },
    stop() {
      if (stopped) return
      stopped = true
      clearInterval(timer)
      libc.close(socket)
      lib.close()
    },
  }
}

/** struct sockaddr_in6 of Linux: family and scope in host order. */
function socketAddress(address: Uint8Array, scope: number): Uint8Array {
  const bytes = new Uint8Array(28)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, AF_INET6, true)
  bytes.set(address, 8)
  view.setUint32(24, scope, true)
  return bytes
}
