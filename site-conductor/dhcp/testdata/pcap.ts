// A small reader and writer of pcap files (draft-ietf-opsawg-pcap) with UDP over IPv4 on Ethernet, for tests.
import { readFileSync } from 'node:fs'
import { ipv4Number } from '../address.ts'

export interface UdpFrame {
  from: { address: string; port: number }
  to: { address: string; port: number }
  payload: Buffer
}

const MAGIC_LITTLE = 0xa1b2c3d4
const GLOBAL_HEADER_BYTES = 24
const FRAME_HEADER_BYTES = 16
const ETHERNET_BYTES = 14
const IP_BYTES = 20
const UDP_BYTES = 8

/** The UDP datagrams of a capture, in order; other frames are left out. */
export function readPcap(path: string): UdpFrame[] {
  const file = readFileSync(path)
  if (file.readUInt32LE(0) !== MAGIC_LITTLE) throw new Error(`${path}: not a little-endian pcap file`)
  const frames: UdpFrame[] = []
  let at = GLOBAL_HEADER_BYTES
  while (at < file.length) {
    const length = file.readUInt32LE(at + 8)
    const frame = udpOf(file.subarray(at + FRAME_HEADER_BYTES, at + FRAME_HEADER_BYTES + length))
    if (frame) frames.push(frame)
    at += FRAME_HEADER_BYTES + length
  }
  return frames
}

function udpOf(ethernet: Buffer): UdpFrame | undefined {
  if (ethernet.readUInt16BE(12) !== 0x0800 || ethernet[ETHERNET_BYTES + 9] !== 17) return undefined
  const ip = ethernet.subarray(ETHERNET_BYTES)
  const udp = ip.subarray(((ip[0] ?? 0) & 0x0f) * 4)
  return {
    from: { address: ip.subarray(12, 16).join('.'), port: udp.readUInt16BE(0) },
    to: { address: ip.subarray(16, 20).join('.'), port: udp.readUInt16BE(2) },
    payload: udp.subarray(UDP_BYTES, udp.readUInt16BE(4)),
  }
}

/** A capture that holds these datagrams; checksums are left at 0 ("none" for UDP). */
export function writePcap(frames: readonly UdpFrame[]): Buffer {
  const header = Buffer.alloc(GLOBAL_HEADER_BYTES)
  header.writeUInt32LE(MAGIC_LITTLE, 0)
  header.writeUInt16LE(2, 4)
  header.writeUInt16LE(4, 6)
  header.writeUInt32LE(65_535, 16)
  header.writeUInt32LE(1, 20)
  return Buffer.concat([header, ...frames.map(frameBytes)])
}

function frameBytes({ from, to, payload }: UdpFrame): Buffer {
  const before = FRAME_HEADER_BYTES + ETHERNET_BYTES + IP_BYTES + UDP_BYTES
  const bytes = Buffer.concat([Buffer.alloc(before), payload])
  const captured = bytes.length - FRAME_HEADER_BYTES
  bytes.writeUInt32LE(captured, 8)
  bytes.writeUInt32LE(captured, 12)
  const ethernet = bytes.subarray(FRAME_HEADER_BYTES)
  ethernet.writeUInt16BE(0x0800, 12)
  const ip = ethernet.subarray(ETHERNET_BYTES)
  ip.set([0x45, 0], 0)
  ip.writeUInt16BE(IP_BYTES + UDP_BYTES + payload.length, 2)
  ip.set([64, 17], 8)
  ip.writeUInt32BE(ipv4Number(from.address), 12)
  ip.writeUInt32BE(ipv4Number(to.address), 16)
  const udp = ip.subarray(IP_BYTES)
  udp.writeUInt16BE(from.port, 0)
  udp.writeUInt16BE(to.port, 2)
  udp.writeUInt16BE(UDP_BYTES + payload.length, 4)
  return bytes
}
