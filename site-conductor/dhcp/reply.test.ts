import { describe, expect, it } from 'vitest'
import { getOption } from './options/option.ts'
import * as addresses from './options/addresses.ts'
import { ipxe } from './options/ipxe.ts'
import { leaseSeconds } from './options/numbers.ts'
import { pxeVendor } from './options/pxe-vendor.ts'
import * as texts from './options/texts.ts'
import { decodePacket, encodePacket } from './packet.ts'
import { replyTo } from './reply.ts'
import { readRequest } from './request.ts'
import { CAPTURES, dhcpPayloads } from './testdata/captures.ts'
import { clientPacket } from './testdata/requests.ts'
import type { DhcpAnswer, DhcpReply, ReplyContext } from './reply.ts'
import type { DhcpPacket } from './packet.ts'

const context: ReplyContext = {
  serverAddress: '10.77.0.1',
  via: 'server-port',
  source: { address: '0.0.0.0', port: 68 },
  clientPort: 68,
  relayPort: 67,
}
const lease = { ip: '10.77.0.50', prefixLength: 24, router: '10.77.0.254', dns: ['10.77.0.53'] }
const loader: DhcpAnswer = { address: lease, bootFile: { name: 'token/snponly.efi', tftpServer: '10.77.0.1' } }
const url: DhcpAnswer = { address: lease, bootFile: { url: 'http://10.77.0.1:8088/token/snponly.efi' } }
const proxyLoader: DhcpAnswer = { bootFile: { name: 'token/snponly.efi', tftpServer: '10.77.0.1' } }

function reply(packet: DhcpPacket, answer: DhcpAnswer, change: Partial<ReplyContext> = {}): DhcpReply {
  const result = replyTo(readRequest(packet), answer, { ...context, ...change })
  if (typeof result === 'string') throw new Error(result)
  return { ...result, packet: decodePacket(encodePacket(result.packet)) }
}

function silence(packet: DhcpPacket, answer: DhcpAnswer, change: Partial<ReplyContext> = {}): string {
  const result = replyTo(readRequest(packet), answer, { ...context, ...change })
  return typeof result === 'string' ? result : `answered with ${result.type}`
}

describe('DHCP reply', () => {
  it('offers the address with its network (RFC 2131 table 3)', () => {
    const { type, packet } = reply(clientPacket('discover'), { ...loader, leaseSeconds: 3600, hostName: 'node-1' })
    expect(type).toBe('offer')
    expect(packet).toMatchObject({ op: 'reply', transactionId: 0x12345678, yiaddr: '10.77.0.50', ciaddr: '0.0.0.0' })
    expect(getOption(packet.options, addresses.subnetMask)).toBe('255.255.255.0')
    expect(getOption(packet.options, addresses.broadcast)).toBe('10.77.0.255')
    expect(getOption(packet.options, addresses.routers)).toEqual(['10.77.0.254'])
    expect(getOption(packet.options, addresses.dnsServers)).toEqual(['10.77.0.53'])
    expect(getOption(packet.options, addresses.serverIdentifier)).toBe('10.77.0.1')
    expect(getOption(packet.options, leaseSeconds)).toBe(3600)
    expect(getOption(packet.options, texts.hostName)).toBe('node-1')
    expect([58, 59].map((code) => Buffer.from(packet.options.get(code) ?? []).readUInt32BE())).toEqual([1800, 3150])
  })

  it.each(CAPTURES)('to captured firmware is a broadcast with what it boots from: $file', ({ file, clients }) => {
    const payloads = dhcpPayloads(file).fromClient
    for (const [at, payload] of payloads.entries()) {
      const client = clients[Math.floor(at / 2)]
      const asked = decodePacket(payload)
      const wanted = readRequest(asked).wantedAddress ?? lease.ip
      const answer = { ...(client?.kind === 'pxe' ? loader : url), noProxyDhcp: true }
      const { type, packet, to } = reply(asked, { ...answer, address: { ...lease, ip: wanted } })
      expect(type).toBe(at % 2 === 0 ? 'offer' : 'ack')
      expect(to).toEqual({ address: '255.255.255.255', port: 68 })
      expect(packet).toMatchObject({ broadcast: asked.broadcast, mac: asked.mac, yiaddr: wanted })
      const file67 = getOption(packet.options, texts.bootFileName)
      expect(file67).toBe(packet.bootFile)
      expect(file67).toMatch(client?.kind === 'pxe' ? /^token\/snponly\.efi$/ : /^http:/)
      expect(getOption(packet.options, texts.vendorClass)).toBe(client?.kind === 'http' ? 'HTTPClient' : undefined)
      expect(getOption(packet.options, ipxe)?.noProxyDhcp).toBe(client?.kind === 'ipxe' ? true : undefined)
      expect(packet.options.get(97)).toEqual(asked.options.get(97))
      expect(packet.options.get(61)).toEqual(asked.options.get(61))
    }
  })

  it('names the TFTP server in siaddr and option 66', () => {
    const { packet } = reply(clientPacket('discover', { architecture: 7 }), loader)
    expect(packet.siaddr).toBe('10.77.0.1')
    expect(getOption(packet.options, texts.tftpServerName)).toBe('10.77.0.1')
  })

  it('ends option 67 with a NUL, for ROMs that read on', () => {
    const { packet } = reply(clientPacket('discover', { architecture: 0 }), loader)
    expect(Buffer.from(packet.options.get(67) ?? []).toString()).toBe('token/snponly.efi\0')
  })

  it('leaves a boot file that is too long for the file field to option 67', () => {
    const bootFile = { url: `http://10.77.0.1/${'x'.repeat(150)}` }
    const { packet } = reply(clientPacket('discover', { architecture: 7, ipxe: true }), { address: lease, bootFile })
    expect(packet.bootFile).toBe('')
    expect(getOption(packet.options, texts.bootFileName)).toBe(bootFile.url)
  })

  it('to an operating system holds no boot file', () => {
    const { packet } = reply(clientPacket('discover'), loader)
    expect([packet.bootFile, packet.options.has(67), packet.options.has(66)]).toEqual(['', false, false])
  })

  it('acknowledges the offered address and refuses another one', () => {
    const right = clientPacket('request', { serverId: '10.77.0.1', requested: '10.77.0.50' })
    expect(reply(right, loader).type).toBe('ack')
    const wrong = reply(clientPacket('request', { requested: '10.77.0.51' }), loader)
    expect(wrong).toMatchObject({ type: 'nak', to: { address: '255.255.255.255', port: 68 } })
    expect(wrong.packet).toMatchObject({ yiaddr: '0.0.0.0', siaddr: '0.0.0.0', bootFile: '' })
    expect([...wrong.packet.options.keys()]).toEqual([53, 54, 56])
  })

  it('refuses a REQUEST without any address', () => {
    expect(reply(clientPacket('request'), loader).type).toBe('nak')
  })

  it('to a client that renews goes to the address it has', () => {
    const { type, to, packet } = reply(clientPacket('request', { packet: { ciaddr: '10.77.0.50' } }), loader)
    expect({ type, to, ciaddr: packet.ciaddr }).toEqual({
      type: 'ack',
      to: { address: '10.77.0.50', port: 68 },
      ciaddr: '10.77.0.50',
    })
  })

  it('through a relay goes to its server port, with its option 82 (RFC 3046 §2.2)', () => {
    const packet = clientPacket('discover', { packet: { giaddr: '10.88.0.1', hops: 1 } })
    packet.options.set(82, Buffer.from('0104000a0102', 'hex'))
    const answered = reply(packet, loader)
    expect(answered.to).toEqual({ address: '10.88.0.1', port: 67 })
    expect(answered.packet.giaddr).toBe('10.88.0.1')
    expect([...answered.packet.options].at(-1)).toEqual([82, Buffer.from('0104000a0102', 'hex')])
  })

  it('through a relay that may not use port 67 goes to the port that it sent from (RFC 8357 §6)', () => {
    const packet = clientPacket('discover', { packet: { giaddr: '10.88.0.1', hops: 1 } })
    packet.options.set(82, Buffer.from('0104000a01021300', 'hex'))
    const source = { address: '10.88.0.1', port: 40_000 }
    expect(reply(packet, loader, { source }).to).toEqual({ address: '10.88.0.1', port: 40_000 })
    packet.options.set(82, Buffer.from('13', 'hex'))
    expect(reply(packet, loader, { source }).to).toEqual({ address: '10.88.0.1', port: 67 })
  })

  it('NAK through a relay asks it to broadcast (RFC 2131 §4.3.2)', () => {
    const relayed = { requested: '10.9.9.9', packet: { giaddr: '10.88.0.1' } }
    const { type, to, packet } = reply(clientPacket('request', relayed), loader)
    expect([type, to.address, packet.broadcast]).toEqual(['nak', '10.88.0.1', true])
  })

  it.each(['255.255.255.255', '224.0.0.1', '240.0.0.1'])('is not sent to relay address %s', (giaddr) => {
    expect(silence(clientPacket('discover', { packet: { giaddr } }), loader)).toContain('not a host')
  })

  it('to an INFORM holds no lease and goes where it came from', () => {
    const packet = clientPacket('inform', { packet: { ciaddr: '10.77.0.50' } })
    const { packet: answered, to } = reply(packet, loader, { source: { address: '10.77.0.50', port: 68 } })
    expect([answered.yiaddr, answered.options.has(51), answered.options.has(1)]).toEqual(['0.0.0.0', false, true])
    expect(to.address).toBe('10.77.0.50')
    expect(silence(packet, loader, { source: { address: '10.77.0.66', port: 68 } })).toContain('came from 10.77.0.66')
  })
})

describe('proxyDHCP reply', () => {
  it('offers what to boot and no address', () => {
    const { packet, to, type } = reply(clientPacket('discover', { architecture: 7 }), proxyLoader)
    expect({ type, to, yiaddr: packet.yiaddr, siaddr: packet.siaddr }).toEqual({
      type: 'offer',
      to: { address: '255.255.255.255', port: 68 },
      yiaddr: '0.0.0.0',
      siaddr: '10.77.0.1',
    })
    expect(getOption(packet.options, texts.vendorClass)).toBe('PXEClient')
    expect(getOption(packet.options, pxeVendor)?.discoveryControl).toBe(8)
    expect([1, 3, 51].some((code) => packet.options.has(code))).toBe(false)
  })

  it('to UEFI HTTP boot says HTTPClient', () => {
    const { packet } = reply(clientPacket('discover', { architecture: 16, vendor: 'HTTPClient' }), {
      bootFile: { url: 'http://10.77.0.1/x.efi' },
    })
    expect(getOption(packet.options, texts.vendorClass)).toBe('HTTPClient')
    expect(packet.options.has(43)).toBe(false)
  })

  it('names a server beside a URL, without which iPXE ignores it', () => {
    const bootFile = { url: 'http://10.77.0.1:8088/token/boot.ipxe' }
    const { packet } = reply(clientPacket('discover', { architecture: 0, ipxe: true }), { bootFile })
    expect([packet.siaddr, packet.bootFile]).toEqual(['10.77.0.1', bootFile.url])
  })

  it('on its own port acknowledges where the request came from', () => {
    const source = { address: '10.77.0.88', port: 68 }
    const change = { via: 'proxy-port', source } as const
    const { type, to } = reply(clientPacket('request', { architecture: 7 }), proxyLoader, change)
    expect({ type, to }).toEqual({ type: 'ack', to: source })
  })

  it('on its own port to a client that has no address yet is a broadcast, as iPXE needs', () => {
    const change = { via: 'proxy-port', source: { address: '0.0.0.0', port: 68 } } as const
    const { to } = reply(clientPacket('request', { architecture: 0, ipxe: true }), proxyLoader, change)
    expect(to).toEqual({ address: '255.255.255.255', port: 68 })
  })

  it('leaves everything else to the other server', () => {
    expect(silence(clientPacket('discover'), proxyLoader)).toContain('not a network boot client')
    expect(silence(clientPacket('request', { architecture: 7 }), proxyLoader)).toContain('other server')
    expect(silence(clientPacket('discover', { architecture: 7 }), proxyLoader, { via: 'proxy-port' })).toContain(
      'other',
    )
    expect(silence(clientPacket('discover', { architecture: 7 }), {})).toContain('nothing to boot')
    expect(silence(clientPacket('request', { architecture: 7 }), loader, { via: 'proxy-port' })).toContain('not given')
  })
})
