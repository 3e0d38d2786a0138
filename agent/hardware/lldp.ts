// What the switches at the other ends of the cables say of themselves (LLDP, IEEE 802.1AB): a frame of each, taken apart as far as Ironic's inventory has
// it, [[type, value in hexadecimal], …]. What the values mean is for whoever inspects.
import type { InventoryInterface } from '../../shared/agent-protocol.ts'

export type Tlv = [type: number, hex: string]

const ETHER_TYPE = 0x88cc
const VLAN_TAG = 0x8100

/**
 * The TLVs of an Ethernet frame, without the one that ends them:
 *
 *     destination 6 | source 6 | [0x8100 | tag 2] | 0x88cc | TLVs        TLV: type 7 bits | length 9 bits | value
 *
 * Undefined for a frame of anything else. What a frame that was cut off has no room for is left.
 */
export function lldpTlvs(frame: Buffer): Tlv[] | undefined {
  const typeAt = frame.length >= 18 && frame.readUInt16BE(12) === VLAN_TAG ? 16 : 12
  if (frame.length < typeAt + 2 || frame.readUInt16BE(typeAt) !== ETHER_TYPE) return undefined
  const tlvs: Tlv[] = []
  for (let at = typeAt + 2; at + 2 <= frame.length;) {
    const header = frame.readUInt16BE(at)
    const [type, length] = [header >> 9, header & 0x1ff]
    if (type === 0 || at + 2 + length > frame.length) break
    tlvs.push([type, frame.toString('hex', at + 2, at + 2 + length)])
    at += 2 + length
  }
  return tlvs
}

/** Magic numbers of capture files (pcap-savefile(5)) with times in micro- and nanoseconds. */
const MAGIC = [0xa1b2c3d4, 0xa1b23c4d]
const [FILE_HEADER, PACKET_HEADER] = [24, 16]

/** The first packet of a capture file; undefined where it has none, or not all of it. */
export function firstPacket(capture: Buffer): Buffer | undefined {
  if (capture.length < FILE_HEADER + PACKET_HEADER) return undefined
  const isLittle = MAGIC.includes(capture.readUInt32LE(0))
  if (!isLittle && !MAGIC.includes(capture.readUInt32BE(0))) return undefined
  const lengthAt = FILE_HEADER + 8
  const length = isLittle ? capture.readUInt32LE(lengthAt) : capture.readUInt32BE(lengthAt)
  const packet = capture.subarray(FILE_HEADER + PACKET_HEADER)
  return length <= packet.length ? packet.subarray(0, length) : undefined
}

/** The NICs with `lldp`: null where no frame came. All of them are listened to at once, but for those without a cable. */
export async function withLldp(
  nics: readonly InventoryInterface[],
  listen: (nic: string) => Promise<Buffer | undefined>,
  log: (line: string) => void,
): Promise<InventoryInterface[]> {
  return await Promise.all(
    nics.map(async (nic) => {
      const frame = nic.has_carrier
        ? await listen(nic.name).catch((error: unknown) => log(`LLDP on ${nic.name}: ${String(error)}`))
        : undefined
      return { ...nic, lldp: (frame && lldpTlvs(frame)) ?? null }
    }),
  )
}
