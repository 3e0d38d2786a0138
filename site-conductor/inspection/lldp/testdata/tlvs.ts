// One TLV of each kind that is told, written down from the standards; parsed.tools.test.ts has tshark read them.
import type { Tlv } from '../tlv.ts'

const bytes = (...parts: (string | Buffer)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'hex') : part))).toString('hex')
const text = (words: string) => Buffer.from(words)
const ofBridges = (subtype: string, ...value: (string | Buffer)[]): Tlv => [127, bytes('0080c2', subtype, ...value)]
const ofEthernet = (subtype: string, ...value: string[]): Tlv => [127, bytes('00120f', subtype, ...value)]
/** Family, address; then interface number 3 by ifIndex, and no OID. */
const managed = (length: string, family: string, address: string): Tlv => [
  8,
  bytes(length, family, address, '02', '00000003', '00'),
]

export const ALL_TLVS: readonly Tlv[] = [
  [1, bytes('04', '001122334455')],
  [2, bytes('05', text('Gi1/0/7'))],
  [3, '0078'],
  [4, bytes(text('to rack 7'))],
  [5, bytes(text('sw1.example.org'))],
  [6, bytes(text('A switch'))],
  // Supported: bridge and router; enabled: bridge.
  [7, bytes('0014', '0004')],
  managed('05', '01', 'c0000201'),
  managed('11', '02', 'fd000000000000000000000000000001'),
  managed('07', '06', '001122334456'),
  ofBridges('01', '0064'),
  // Supported and enabled.
  ofBridges('02', '06', '00c8'),
  ofBridges('03', '0064', '04', text('prov')),
  ofBridges('03', '0065', '07', text('storage')),
  // Slow protocols.
  ofBridges('04', '02', '8809'),
  ofBridges('06', '0004'),
  ofBridges('07', '03', '00000007'),
  // Autonegotiation supported and enabled; 100BASE-TX and 1000BASE-T, full duplex; 1000BASE-T full duplex.
  ofEthernet('01', '03', '0401', '001e'),
  ofEthernet('04', '2400'),
]
