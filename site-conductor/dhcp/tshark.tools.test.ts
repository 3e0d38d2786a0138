// What we encode, as an independent decoder reads it.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decodePacket, encodePacket } from './packet.ts'
import { replyTo } from './reply.ts'
import { readRequest } from './request.ts'
import { CAPTURES, dhcpPayloads } from './testdata/captures.ts'
import { writePcap } from './testdata/pcap.ts'
import { clientPacket } from './testdata/requests.ts'
import type { DhcpAnswer } from './reply.ts'
import type { DhcpPacket } from './packet.ts'

const folder = mkdtempSync(join(tmpdir(), 'ferrule-tshark-'))

beforeAll(() => {
  if (spawnSync('which', ['tshark']).status !== 0) throw new Error('tshark is missing: apt-get install tshark')
})
afterAll(() => rmSync(folder, { recursive: true }))

/** The named fields of one datagram, as tshark decodes it; several values are joined with commas. */
function tshark(payload: Buffer, fields: string[]): Record<string, string> {
  const file = join(folder, 'packet.pcap')
  const [client, server] = [
    { address: '10.77.0.50', port: 68 },
    { address: '10.77.0.1', port: 67 },
  ]
  const [from, to] = payload[0] === 1 ? [client, server] : [server, client]
  writeFileSync(file, writePcap([{ from, to, payload }]))
  const all = [...fields, '_ws.malformed', '_ws.expert.message']
  const args = ['-r', file, '-T', 'fields', ...all.flatMap((field) => ['-e', field])]
  const line = execFileSync('tshark', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  const values = line.replace(/\n$/, '').split('\t')
  return Object.fromEntries(all.map((field, at) => [field, values[at] ?? '']).filter(([, value]) => value !== ''))
}

const address = { ip: '10.77.0.50', prefixLength: 24, router: '10.77.0.254', dns: ['10.77.0.53', '10.77.0.54'] }

function replied(packet: DhcpPacket, answer: DhcpAnswer): DhcpPacket {
  const source = { address: '0.0.0.0', port: 68 }
  const context = { serverAddress: '10.77.0.1', via: 'server-port', source, clientPort: 68, relayPort: 67 } as const
  const reply = replyTo(readRequest(packet), answer, context)
  if (typeof reply === 'string') throw new Error(reply)
  return reply.packet
}

describe('tshark reads our packets', () => {
  it('an offer for UEFI PXE through a relay', () => {
    const asked = clientPacket('discover', { architecture: 7, packet: { giaddr: '10.88.0.1' } })
    asked.options.set(97, Buffer.from('0000112233445566778899aabbccddeeff', 'hex'))
    asked.options.set(82, Buffer.from('0104000a0102', 'hex'))
    const offer = replied(asked, { address, bootFile: { name: 'token/snponly.efi', tftpServer: '10.77.0.1' } })
    const fields = {
      'dhcp.option.dhcp': '2',
      'dhcp.hw.mac_addr': '52:54:00:77:00:01',
      'dhcp.id': '0x12345678',
      'dhcp.ip.your': '10.77.0.50',
      'dhcp.ip.server': '10.77.0.1',
      'dhcp.ip.relay': '10.88.0.1',
      'dhcp.file': 'token/snponly.efi',
      'dhcp.option.dhcp_server_id': '10.77.0.1',
      'dhcp.option.ip_address_lease_time': '86400',
      'dhcp.option.renewal_time_value': '43200',
      'dhcp.option.rebinding_time_value': '75600',
      'dhcp.option.subnet_mask': '255.255.255.0',
      'dhcp.option.broadcast_address': '10.77.0.255',
      'dhcp.option.router': '10.77.0.254',
      'dhcp.option.domain_name_server': '10.77.0.53,10.77.0.54',
      'dhcp.option.tftp_server_name': '10.77.0.1',
      'dhcp.option.bootfile_name': 'token/snponly.efi',
      'dhcp.client_id.uuid': '33221100-5544-7766-8899-aabbccddeeff',
      'dhcp.option.agent_information_option.agent_circuit_id': '000a0102',
    }
    expect(tshark(encodePacket(offer), Object.keys(fields))).toEqual(fields)
  })

  it('an offer for iPXE and one of a proxy', () => {
    const url = { url: 'http://10.77.0.1:8088/token/boot.ipxe' }
    const wants = { architecture: 0, ipxe: true }
    const ours = replied(clientPacket('discover', wants), { address, bootFile: url, noProxyDhcp: true })
    expect(tshark(encodePacket(ours), ['dhcp.file', 'dhcp.option.value'])).toMatchObject({
      'dhcp.file': url.url,
      'dhcp.option.value': expect.stringContaining('b00101') as string,
    })
    const proxy = replied(clientPacket('discover', wants), { bootFile: url })
    const fields = ['dhcp.ip.your', 'dhcp.option.vendor_class_id', 'dhcp.option.vendor.pxeclient.discovery_control']
    expect(tshark(encodePacket(proxy), fields)).toEqual({
      'dhcp.ip.your': '0.0.0.0',
      'dhcp.option.vendor_class_id': 'PXEClient',
      'dhcp.option.vendor.pxeclient.discovery_control': '0x08',
    })
  })

  it.each(CAPTURES)('firmware’s packets the same after we decoded and encoded them: $file', ({ file }) => {
    const fields = ['dhcp.option.type', 'dhcp.option.length', 'dhcp.option.value', 'dhcp.hw.mac_addr', 'dhcp.flags']
    for (const payload of dhcpPayloads(file).fromClient) {
      const ours = tshark(encodePacket(decodePacket(payload)), fields)
      expect(ours).toEqual(tshark(payload, fields))
      expect(ours['dhcp.option.type']).toMatch(/^53,/)
      expect(ours['_ws.malformed']).toBeUndefined()
    }
  })
})
