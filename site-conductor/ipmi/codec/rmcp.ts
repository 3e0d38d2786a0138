// RMCP header (IPMI 2.0 §13.1.3, Table 13-8): what every datagram on port 623 begins with.
//   06 version | 00 reserved | FF sequence, "no acknowledgement" | 07 class IPMI
import { CodecError } from './cursor.ts'

export const rmcpHeader: Uint8Array = Uint8Array.of(0x06, 0x00, 0xff, 0x07)

/** What follows the header in an IPMI datagram: the session wrapper. Throws CodecError for ASF pings, ACKs and strangers. */
export function afterRmcp(datagram: Uint8Array): Uint8Array {
  if (datagram.length < 5) throw new CodecError(`RMCP: ${datagram.length} bytes`)
  if (datagram[0] !== 0x06) throw new CodecError(`RMCP: version ${datagram[0]}`)
  // Bit 7 marks an RMCP acknowledgement, which carries no message; the low five bits are the class.
  if (datagram[3] !== 0x07) throw new CodecError(`RMCP: class 0x${datagram[3]?.toString(16)} is not IPMI`)
  return datagram.subarray(4)
}

/** The session wrapper's first byte tells the wrapper: 06 is RMCP+ (Table 13-8). */
export function isRmcpPlus(wrapper: Uint8Array): boolean {
  return wrapper[0] === 0x06
}
