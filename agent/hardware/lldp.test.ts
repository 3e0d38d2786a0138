// Frames of LLDP taken apart, and the capture file that they come in.
import { expect, test } from 'vitest'
import { lldpFrame, noise } from '../testing.ts'
import { firstPacket, lldpTlvs, withLldp } from './lldp.ts'

const frame = lldpFrame('Gi1/0/7', [[5, Buffer.from('sw1')]])
const TLVS = [[1, '04001122334455'], [2, '054769312f302f37'], [3, '0078'], [5, '737731']] // prettier-ignore

test('the TLVs of a frame, without the one that ends them and what is behind it', () => {
  expect(lldpTlvs(frame)).toEqual(TLVS)
  expect(lldpTlvs(Buffer.concat([frame, Buffer.alloc(20, 0xff)])), 'padded').toEqual(TLVS)
  const tagged = Buffer.concat([frame.subarray(0, 12), Buffer.from('81000064', 'hex'), frame.subarray(12)])
  expect(lldpTlvs(tagged), 'with a VLAN tag').toEqual(TLVS)
})

test('a frame that was cut off has the TLVs before', () => {
  for (let length = 14; length < frame.length; length++) {
    const tlvs = lldpTlvs(frame.subarray(0, length))!
    expect(TLVS.slice(0, tlvs.length)).toEqual(tlvs)
  }
})

test('what is no LLDP is none, whatever it is', () => {
  expect(lldpTlvs(Buffer.alloc(0))).toBeUndefined()
  expect(lldpTlvs(Buffer.from('ffffffffffff0011223344560806', 'hex'))).toBeUndefined()
  for (let seed = 1; seed < 500; seed++) {
    const random = Buffer.concat([Buffer.from('0180c200000e00112233445688cc', 'hex'), noise(seed, seed)])
    const tlvs = lldpTlvs(random)!
    expect(tlvs.reduce((sum, [, hex]) => sum + 2 + hex.length / 2, 14)).toBeLessThanOrEqual(random.length)
    expect(firstPacket(random)).toBeUndefined()
  }
})

const captured = (packet: Buffer, order: 'LE' | 'BE', magic = 0xa1b2c3d4) => {
  const header = Buffer.alloc(24 + 16)
  const put = (value: number, at: number) =>
    order === 'LE' ? header.writeUInt32LE(value, at) : header.writeUInt32BE(value, at)
  put(magic, 0)
  put(packet.length, 32)
  put(packet.length, 36)
  return Buffer.concat([header, packet])
}

test('the first packet of a capture, of either byte order', () => {
  expect(firstPacket(captured(frame, 'LE'))).toEqual(frame)
  expect(firstPacket(captured(frame, 'BE', 0xa1b23c4d))).toEqual(frame)
  expect(firstPacket(captured(frame, 'LE').subarray(0, 60)), 'half written').toBeUndefined()
  expect(firstPacket(captured(frame, 'LE').subarray(0, 24)), 'nothing came').toBeUndefined()
})

test('NICs are listened to at once, but for those without a cable; one that cannot be listened to is a line in the log', async () => {
  const nic = (name: string, has_carrier = true) => ({ name, mac_address: null, has_carrier })
  const { promise: all, resolve } = Promise.withResolvers<void>()
  const listening: string[] = []
  const log: string[] = []
  const listen = async (name: string) => {
    if (listening.push(name) === 3) resolve()
    await all
    if (name === 'eth2') throw new Error('no such program')
    return name === 'eth0' ? frame : undefined
  }
  const nics = [nic('eth0'), nic('eth1'), nic('eth2'), nic('eth3', false)]
  const found = await withLldp(nics, listen, (line) => void log.push(line))
  expect(found.map(({ name, lldp }) => [name, lldp])).toEqual([
    ['eth0', TLVS],
    ['eth1', null],
    ['eth2', null],
    ['eth3', null],
  ])
  expect([listening, log]).toEqual([['eth0', 'eth1', 'eth2'], ['LLDP on eth2: Error: no such program']])
})
