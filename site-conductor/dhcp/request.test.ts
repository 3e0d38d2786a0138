import { describe, expect, it } from 'vitest'
import { CodecError } from './cursor.ts'
import { decodePacket } from './packet.ts'
import { readRequest } from './request.ts'
import { CAPTURES, dhcpPayloads } from './testdata/captures.ts'
import { CLIENT_MAC, clientPacket } from './testdata/requests.ts'

describe('DHCP request', () => {
  it.each(CAPTURES)('of real firmware is classified right: $file', ({ file, clients }) => {
    const requests = dhcpPayloads(file).fromClient.map((payload) => readRequest(decodePacket(payload)))
    expect(requests.map(({ type }) => type)).toEqual(clients.flatMap(() => ['discover', 'request']))
    expect(requests.map(({ client }) => client)).toEqual(clients.flatMap((client) => [client, client]))
    for (const { mac, uuid, problems } of requests) {
      // The rack's machines carry their MAC at the end of their UUID.
      const machine = uuid?.slice(-1)
      expect(uuid).toBe(`77000000-0000-4000-8000-52540077000${machine}`)
      expect(mac).toMatch(/^52:54:00:77:00:0\d$/)
      expect(problems).toEqual([])
    }
  })

  it.each([
    ['selecting', { serverId: '10.0.0.1', requested: '10.0.0.9' }, '10.0.0.9'],
    ['init-reboot', { requested: '10.0.0.9' }, '10.0.0.9'],
    ['renewing', { packet: { ciaddr: '10.0.0.9' } }, '10.0.0.9'],
    ['renewing', {}, undefined],
  ] as const)('REQUEST is %s by what it carries (RFC 2131 §4.3.2)', (state, wants, wantedAddress) => {
    expect(readRequest(clientPacket('request', wants))).toMatchObject({
      state,
      ...(wantedAddress && { wantedAddress }),
    })
  })

  it('of InfiniBand has no hardware address', () => {
    expect(readRequest(clientPacket('discover', { packet: { mac: '', hardwareType: 32 } })).mac).toBe('')
  })

  it('with a malformed option that only informs is still served', () => {
    const packet = clientPacket('discover', { architecture: 7 })
    packet.options.set(97, Buffer.of(0, 1, 2))
    packet.options.set(175, Buffer.of(0x13, 9))
    const request = readRequest(packet)
    expect(request).toMatchObject({ mac: CLIENT_MAC, client: { kind: 'pxe' } })
    expect(request.uuid).toBeUndefined()
    expect(request.problems).toHaveLength(2)
  })

  it('with a malformed deciding option, without a type, or that is a reply is a CodecError', () => {
    const badServer = clientPacket('request')
    badServer.options.set(54, Buffer.of(1))
    const noType = clientPacket('request')
    noType.options.delete(53)
    for (const packet of [badServer, noType, clientPacket('offer', { packet: { op: 'reply' } })]) {
      expect(() => readRequest(packet)).toThrow(CodecError)
    }
  })

  it.each([
    [undefined, 548],
    [300, 548],
    [1472, 1444],
    [65_280, 1472],
  ])('with maximum message size %s may be answered in %d bytes', (size, bytes) => {
    const packet = clientPacket('discover')
    if (size !== undefined) packet.options.set(57, Buffer.of(size >> 8, size & 0xff))
    expect(readRequest(packet).maximumReplyBytes).toBe(bytes)
  })
})
