// The DHCPv4 packet (RFC 2131 §2). Options are a map with the pieces of long ones joined (RFC 3396); option overload
// (RFC 2132 §9.3) is undone when reading and used when writing only if the options would not fit otherwise.
//
//   +-------+-------+-------+-------+
//   | op    | htype | hlen  | hops  |
//   +-------+-------+-------+-------+
//   | xid                           |
//   +---------------+---------------+
//   | secs          | flags (B.....)|
//   +---------------+---------------+
//   | ciaddr, yiaddr, siaddr, giaddr (4 × 4)
//   | chaddr (16) | sname (64) | file (128) | 63 82 53 63 | options ... ff | padding
import { UNSPECIFIED, macBytes, macText, readIpv4, writeIpv4 } from './address.ts'
import { CodecError, Reader, Writer } from './cursor.ts'
import { overload } from './options/numbers.ts'
import type { OptionMap } from './options/option.ts'

const MAGIC_COOKIE = 0x63825363
const PAD = 0
const END = 255
const RELAY_AGENT = 82
const SERVER_NAME_BYTES = 64
const BOOT_FILE_BYTES = 128
/** BOOTP's size (RFC 951 §3); some firmware and relays drop what is shorter (RFC 1542 §2.1). */
const SHORTEST_PACKET_BYTES = 300
/** What fits an Ethernet frame of 1,500 bytes without fragments, IP and UDP headers taken off. */
const LONGEST_PACKET_BYTES = 1472
const ETHERNET = 1

export interface DhcpPacket {
  op: 'request' | 'reply'
  /** ARP hardware type (RFC 2131 table 1): 1 Ethernet, 32 InfiniBand. */
  hardwareType: number
  /** chaddr, 'aa:bb:cc:dd:ee:ff'; empty for InfiniBand (RFC 4390 §2.1). */
  mac: string
  hops: number
  transactionId: number
  seconds: number
  /** The client cannot receive unicast yet (flags bit 0). */
  broadcast: boolean
  ciaddr: string
  yiaddr: string
  siaddr: string
  giaddr: string
  serverName: string
  bootFile: string
  options: OptionMap
}

/** A packet with nothing in it but what is given. */
export function dhcpPacket(fields: Partial<DhcpPacket>): DhcpPacket {
  return {
    op: 'request',
    hardwareType: ETHERNET,
    mac: '',
    hops: 0,
    transactionId: 0,
    seconds: 0,
    broadcast: false,
    ciaddr: UNSPECIFIED,
    yiaddr: UNSPECIFIED,
    siaddr: UNSPECIFIED,
    giaddr: UNSPECIFIED,
    serverName: '',
    bootFile: '',
    options: new Map(),
    ...fields,
  }
}

/** A datagram → its packet. Padding after the End option and a missing End option are tolerated. Throws CodecError. */
export function decodePacket(bytes: Uint8Array): DhcpPacket {
  const reader = new Reader(bytes)
  const opNumber = reader.u8()
  if (opNumber !== 1 && opNumber !== 2) throw new CodecError(`op ${opNumber} is neither request nor reply`)
  const hardwareType = reader.u8()
  const hardwareLength = reader.u8()
  if (hardwareLength > 16) throw new CodecError(`hardware address of ${hardwareLength} bytes`)
  const hops = reader.u8()
  const transactionId = reader.u32()
  const seconds = reader.u16()
  const broadcast = (reader.u16() & 0x8000) !== 0
  const [ciaddr, yiaddr, siaddr, giaddr] = [readIpv4(reader), readIpv4(reader), readIpv4(reader), readIpv4(reader)]
  const mac = macText(reader.take(16).subarray(0, hardwareLength))
  const serverName = reader.take(SERVER_NAME_BYTES)
  const bootFile = reader.take(BOOT_FILE_BYTES)
  if (reader.u32() !== MAGIC_COOKIE) throw new CodecError('no DHCP magic cookie: plain BOOTP is not served')

  const options: OptionMap = new Map()
  readOptions(reader.rest(), options)
  const fields = overloadedFields(options)
  // RFC 3396 §5: the options field comes first, then `file`, then `sname`.
  if (fields.file) readOptions(bootFile, options)
  if (fields.sname) readOptions(serverName, options)
  return {
    op: opNumber === 1 ? 'request' : 'reply',
    hardwareType,
    mac,
    hops,
    transactionId,
    seconds,
    broadcast,
    ciaddr,
    yiaddr,
    siaddr,
    giaddr,
    serverName: fields.sname ? '' : untilNul(serverName),
    bootFile: fields.file ? '' : untilNul(bootFile),
    options,
  }
}

/**
 * A packet → its datagram. Options longer than 255 bytes are split (RFC 3396 §4); those that do not fit in
 * `maximumBytes` (of UDP payload) go into the unused `file` and `sname` fields. Throws CodecError when they do not fit there either.
 */
export function encodePacket(packet: DhcpPacket, maximumBytes = LONGEST_PACKET_BYTES): Buffer {
  const chaddr = packet.mac === '' ? Buffer.alloc(0) : macBytes(packet.mac)
  const placed = placeOptions(packet, maximumBytes)
  const writer = new Writer()
    .u8(packet.op === 'request' ? 1 : 2)
    .u8(packet.hardwareType)
    .u8(chaddr.length)
    .u8(packet.hops)
    .u32(packet.transactionId)
    .u16(packet.seconds)
    .u16(packet.broadcast ? 0x8000 : 0)
  for (const address of [packet.ciaddr, packet.yiaddr, packet.siaddr, packet.giaddr]) writeIpv4(writer, address)
  writer
    .padded(chaddr, 16, 'chaddr')
    .padded(placed.sname ?? Buffer.from(packet.serverName, 'latin1'), SERVER_NAME_BYTES, 'sname')
    .padded(placed.file ?? Buffer.from(packet.bootFile, 'latin1'), BOOT_FILE_BYTES, 'file')
    .u32(MAGIC_COOKIE)
    .bytes(placed.options)
  return writer.zeros(Math.max(0, SHORTEST_PACKET_BYTES - writer.length)).finish()
}

function readOptions(bytes: Uint8Array, options: OptionMap): void {
  const reader = new Reader(bytes)
  while (reader.left > 0) {
    const code = reader.u8()
    if (code === PAD) continue
    if (code === END) return
    const piece = reader.take(reader.u8())
    const before = options.get(code)
    options.set(code, before ? Buffer.concat([before, piece]) : piece)
  }
}

function overloadedFields(options: OptionMap): { file: boolean; sname: boolean } {
  const bytes = options.get(overload.code)
  if (bytes === undefined) return { file: false, sname: false }
  const bits = overload.decode(bytes)
  if (bits < 1 || bits > 3) throw new CodecError(`option overload ${bits}`)
  options.delete(overload.code)
  return { file: (bits & 1) !== 0, sname: (bits & 2) !== 0 }
}

interface Placed {
  options: Buffer
  file?: Buffer
  sname?: Buffer
}

function placeOptions(packet: DhcpPacket, maximumBytes: number): Placed {
  const pieces = optionPieces(packet.options)
  const room = maximumBytes - 240
  const all = Buffer.concat([...pieces, Buffer.of(END)])
  if (all.length <= room) return { options: all }

  const spare = [
    ...(packet.bootFile === '' ? [{ name: 'file', bit: 1, room: BOOT_FILE_BYTES - 1 } as const] : []),
    ...(packet.serverName === '' ? [{ name: 'sname', bit: 2, room: SERVER_NAME_BYTES - 1 } as const] : []),
  ]
  const areas: { name: 'options' | 'file' | 'sname'; bit: number; room: number; pieces: Buffer[] }[] = [
    // Room for option 52 itself (3 bytes) and End.
    { name: 'options', bit: 0, room: room - 4, pieces: [] },
    ...spare.map((area) => ({ ...area, pieces: [] })),
  ]
  // The pieces of a split option must stay in order (RFC 3396 §7); different options need not.
  const lastArea = new Map<number | undefined, number>()
  for (const piece of pieces) {
    const code = piece[0]
    const at = areas.findIndex((area, at) => at >= (lastArea.get(code) ?? 0) && piece.length <= area.room)
    const area = areas[at]
    if (area === undefined) throw new CodecError(`options of ${all.length} bytes do not fit in ${maximumBytes}`)
    area.pieces.push(piece)
    area.room -= piece.length
    lastArea.set(code, at)
  }
  const used = areas.filter((area) => area.bit > 0 && area.pieces.length > 0)
  const bits = used.reduce((sum, area) => sum | area.bit, 0)
  const placed: Placed = {
    options: Buffer.concat([Buffer.of(overload.code, 1, bits), ...(areas[0]?.pieces ?? []), Buffer.of(END)]),
  }
  for (const area of used) {
    if (area.name !== 'options') placed[area.name] = Buffer.concat([...area.pieces, Buffer.of(END)])
  }
  return placed
}

/** Each option as code, length, value; option 82 last (RFC 3046 §2.1). */
function optionPieces(options: OptionMap): Buffer[] {
  const pieces: Buffer[] = []
  const inOrder = [...options].sort(([a], [b]) => Number(a === RELAY_AGENT) - Number(b === RELAY_AGENT))
  for (const [code, value] of inOrder) {
    if (!Number.isInteger(code) || code <= PAD || code >= END) throw new CodecError(`option code ${code}`)
    let at = 0
    do {
      const piece = value.subarray(at, at + 255)
      pieces.push(Buffer.concat([Buffer.of(code, piece.length), piece]))
      at += 255
    } while (at < value.length)
  }
  return pieces
}

function untilNul(field: Buffer): string {
  const end = field.indexOf(0)
  return field.toString('latin1', 0, end === -1 ? field.length : end)
}
