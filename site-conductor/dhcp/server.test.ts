import dgram from 'node:dgram'
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { decodePacket } from './packet.ts'
import { readRequest } from './request.ts'
import { DhcpServer } from './server.ts'
import { CLIENT_MAC, clientMessage } from './testdata/requests.ts'
import { messageType } from './options/message-type.ts'
import { getOption } from './options/option.ts'
import type { DhcpEvent, DhcpServerOptions } from './server.ts'

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

const lease = { ip: '127.0.0.9', prefixLength: 8 }

/** A server on loopback, and a relay agent beside it: the one client that needs no broadcast. */
async function rig(options: Partial<DhcpServerOptions> = {}) {
  const relay = dgram.createSocket('udp4')
  relay.bind(0, '127.0.0.1')
  await once(relay, 'listening')
  open.push(relay)
  const events: DhcpEvent[] = []
  const server = new DhcpServer({
    address: '127.0.0.1',
    decide: ({ mac }) => (mac === CLIENT_MAC ? { address: lease, bootFile: { url: 'http://h/x' } } : null),
    onEvent: (event) => events.push(event),
    ...options,
    ports: { server: 0, proxy: 0, relay: relay.address().port },
  })
  await server.start()
  open.push(server)
  const send = (bytes: Uint8Array, port = server.ports.server): void => relay.send(bytes, port, '127.0.0.1')
  /** Sends and waits for the one reply. */
  const ask = async (bytes: Uint8Array, port?: number) => {
    const reply = once(relay, 'message')
    send(bytes, port)
    const [answer] = (await reply) as [Buffer]
    const packet = decodePacket(answer)
    return { packet, type: getOption(packet.options, messageType) }
  }
  return { server, events, send, ask }
}

const relayed = { giaddr: '127.0.0.1' }

describe('DHCP server', () => {
  it('answers a relayed DISCOVER and REQUEST at once', async () => {
    const { ask, events } = await rig()
    const offer = await ask(clientMessage('discover', { packet: relayed }))
    expect([offer.type, offer.packet.yiaddr]).toEqual(['offer', '127.0.0.9'])
    const wants = { serverId: '127.0.0.1', requested: '127.0.0.9', packet: relayed }
    expect((await ask(clientMessage('request', wants))).type).toBe('ack')
    expect(events.map((event) => event.kind)).toEqual(['sent', 'sent'])
  })

  it('says nothing to machines nobody is booting, to other servers’ clients and to rubbish', async () => {
    const { ask, send, events } = await rig()
    send(clientMessage('discover', { packet: { ...relayed, mac: '52:54:00:00:00:99' } }))
    send(clientMessage('request', { serverId: '127.0.0.2', requested: '127.0.0.9', packet: relayed }))
    send(Buffer.from('not DHCP at all'))
    send(clientMessage('release', { packet: { ...relayed, ciaddr: '127.0.0.9' }, serverId: '127.0.0.1' }))
    send(clientMessage('decline', { requested: '127.0.0.9', packet: relayed }))
    // UDP on loopback keeps its order, so the only answer being this one's shows that the others got none.
    const answer = await ask(clientMessage('discover', { packet: { ...relayed, transactionId: 77 } }))
    expect(answer.packet.transactionId).toBe(77)
    expect(events.map((event) => event.kind)).toEqual([
      'silent',
      'other-server',
      'malformed',
      'released',
      'declined',
      'sent',
    ])
  })

  it('acknowledges on the proxyDHCP port where the request came from', async () => {
    const { ask, server } = await rig({ proxy: true, decide: () => ({ bootFile: { url: 'http://h/x' } }) })
    const wants = { architecture: 7, serverId: '127.0.0.7' }
    const { type, packet } = await ask(clientMessage('request', wants), server.ports.proxy)
    expect([type, packet.yiaddr, packet.bootFile]).toEqual(['ack', '0.0.0.0', 'http://h/x'])
  })

  it('shares its port with another DHCP server', async () => {
    const first = await rig()
    const second = new DhcpServer({ address: '127.0.0.1', decide: () => null, ports: first.server.ports })
    await second.start()
    await second.close()
    expect(second.ports.server).toBe(first.server.ports.server)
  })

  it('that cannot have its address holds no socket afterwards', async () => {
    const server = new DhcpServer({ address: '192.0.2.1', decide: () => null, ports: { server: 0 } })
    await expect(server.start()).rejects.toThrow('EADDRNOTAVAIL')
  })

  it('gives decide the whole request', async () => {
    const seen: unknown[] = []
    const { ask } = await rig({
      decide: (request) => {
        seen.push(request)
        return { address: lease }
      },
    })
    const bytes = clientMessage('discover', { architecture: 11, packet: relayed })
    await ask(bytes)
    expect(seen).toEqual([readRequest(decodePacket(bytes))])
  })
})
