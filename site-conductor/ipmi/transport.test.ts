import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { nodeEnv, type OnPacket } from './env.ts'
import { openTransport } from './transport.ts'

function fakeNetwork() {
  const sockets: { family: 4 | 6; onPacket: OnPacket; sent: string[]; closed: boolean }[] = []
  const env = nodeEnv()
  env.udp = async (family, onPacket) => {
    const socket = { family, onPacket, sent: [] as string[], closed: false }
    sockets.push(socket)
    return {
      send: (_packet, port, address) => void socket.sent.push(`${address} ${port}`),
      close: () => void (socket.closed = true),
    }
  }
  return { sockets, transport: openTransport(env) }
}

test('one socket for many BMCs, another for a second session with one of them', async () => {
  const { sockets, transport } = fakeNetwork()
  const channels = await Promise.all(
    ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => transport.open(address, 623)),
  )
  expect(sockets).toHaveLength(1)
  await transport.open('10.0.0.1', 623)
  expect(sockets).toHaveLength(2)
  channels[1]?.release()
  await transport.open('10.0.0.2', 623)
  expect(sockets).toHaveLength(2)
  await transport.open('10.0.0.1', 624)
  expect(sockets).toHaveLength(2)
})

test('an IPv6 BMC has an IPv6 socket', async () => {
  const { sockets, transport } = fakeNetwork()
  await transport.open('10.0.0.1', 623)
  await transport.open('2001:db8::1', 623)
  expect(sockets.map(({ family }) => family)).toEqual([4, 6])
})

test('packets reach the channel of their source, and nobody after its release', async () => {
  const { sockets, transport } = fakeNetwork()
  const heard: string[] = []
  const one = await transport.open('10.0.0.1', 623)
  const two = await transport.open('10.0.0.2', 623)
  one.onPacket = () => void heard.push('one')
  two.onPacket = () => void heard.push('two')
  const [socket] = sockets
  const arrive = (address: string, port: number) => socket?.onPacket(Uint8Array.of(1), { address, port })
  arrive('10.0.0.2', 623)
  arrive('10.0.0.3', 623)
  arrive('10.0.0.1', 9)
  one.release()
  arrive('10.0.0.1', 623)
  one.send(Uint8Array.of(1))
  two.send(Uint8Array.of(1))
  expect(heard).toEqual(['two'])
  expect(socket?.sent).toEqual(['10.0.0.2 623'])
})

test('closing closes all sockets and opens no more', async () => {
  const { sockets, transport } = fakeNetwork()
  await transport.open('10.0.0.1', 623)
  const late = transport.open('2001:db8::1', 623)
  transport.close()
  await expect(late).rejects.toThrow('transport is closed')
  expect(sockets.every(({ closed }) => closed)).toBe(true)
  await expect(transport.open('10.0.0.1', 623)).rejects.toThrow('transport is closed')
})

test('Node sends a packet in the very turn in which it was told to', async () => {
  const receiver = createSocket('udp4').bind(0, '127.0.0.1')
  await once(receiver, 'listening')
  const arrived = once(receiver, 'message')
  const sender = await nodeEnv().udp(4, () => {})
  sender.send(Buffer.from('at once'), receiver.address().port, '127.0.0.1')
  // Closed before the next tick: a packet that had been put off would be lost.
  sender.close()
  expect(String((await arrived)[0])).toBe('at once')
  receiver.close()
})
