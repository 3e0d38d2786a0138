// TFTP packets (RFC 1350 §5, RFC 2347). Decoding gives a packet or throws CodecError, never anything else.
//
//   RRQ/WRQ  | 1/2 | filename 0 mode 0 [ option 0 value 0 ]...
//   DATA     | 3   | block | 0..blksize bytes
//   ACK      | 4   | block |
//   ERROR    | 5   | code  | message 0
//   OACK     | 6   | [ option 0 value 0 ]...

/** What is wrong with bytes that came from the network. */
export class CodecError extends Error {
  override readonly name = 'CodecError'
}

export const ERROR_CODES = {
  undefined: 0,
  'not-found': 1,
  'access-violation': 2,
  'disk-full': 3,
  'illegal-operation': 4,
  'unknown-transfer': 5,
  'file-exists': 6,
  'no-such-user': 7,
  /** RFC 2347: the option values of an OACK are not acceptable. */
  'option-refused': 8,
} as const

export type TftpPacket =
  | { op: 'read' | 'write'; file: string; mode: string; options: Map<string, string> }
  | { op: 'data'; block: number; data: Uint8Array }
  | { op: 'ack'; block: number }
  | { op: 'error'; code: number; message: string }
  | { op: 'oack'; options: Map<string, string> }

const OPCODES = { read: 1, write: 2, data: 3, ack: 4, error: 5, oack: 6 } as const
/** RFC 2347: a request fits in 512 bytes. Firmware keeps to it; the bound keeps a flood of long ones cheap. */
const LONGEST_REQUEST_BYTES = 512

export function decodeTftp(bytes: Uint8Array): TftpPacket {
  const packet = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (packet.length < 2) throw new CodecError('shorter than an opcode')
  const opcode = packet.readUInt16BE(0)
  switch (opcode) {
    case OPCODES.read:
    case OPCODES.write: {
      if (packet.length > LONGEST_REQUEST_BYTES) throw new CodecError(`request of ${packet.length} bytes`)
      const [file, mode, ...rest] = texts(packet.subarray(2))
      if (file === undefined || mode === undefined) throw new CodecError('request without a file or a mode')
      return { op: opcode === OPCODES.read ? 'read' : 'write', file, mode: mode.toLowerCase(), options: pairs(rest) }
    }
    case OPCODES.data:
      return { op: 'data', block: blockNumber(packet), data: packet.subarray(4) }
    case OPCODES.ack:
      return { op: 'ack', block: blockNumber(packet) }
    case OPCODES.error:
      // Some clients leave the closing NUL out; the message is only shown.
      return {
        op: 'error',
        code: blockNumber(packet),
        message: packet.subarray(4).toString('latin1').split('\0')[0] ?? '',
      }
    case OPCODES.oack:
      return { op: 'oack', options: pairs(texts(packet.subarray(2))) }
    default:
      throw new CodecError(`unknown opcode ${opcode}`)
  }
}

export function encodeTftp(packet: TftpPacket): Buffer {
  switch (packet.op) {
    case 'read':
    case 'write':
      return strings(OPCODES[packet.op], [packet.file, packet.mode, ...[...packet.options].flat()])
    case 'data':
      return Buffer.concat([header(OPCODES.data, packet.block), packet.data])
    case 'ack':
      return header(OPCODES.ack, packet.block)
    case 'error':
      return Buffer.concat([header(OPCODES.error, packet.code), Buffer.from(`${packet.message}\0`, 'latin1')])
    case 'oack':
      return strings(OPCODES.oack, [...packet.options].flat())
  }
}

/** Writes the four bytes before the data of block `block` (any count; it wraps at 65,536). */
export function writeDataHeader(target: Buffer, at: number, block: number): void {
  target.writeUInt16BE(OPCODES.data, at)
  target.writeUInt16BE(block & 0xffff, at + 2)
}

function blockNumber(packet: Buffer): number {
  if (packet.length < 4) throw new CodecError(`${packet.length} bytes, at least 4 wanted`)
  return packet.readUInt16BE(2)
}

/** NUL-ended texts; some clients pad the request, so what follows an empty text is ignored. */
function texts(bytes: Buffer): string[] {
  const found: string[] = []
  let start = 0
  while (start < bytes.length) {
    const end = bytes.indexOf(0, start)
    if (end === -1) throw new CodecError('text without its closing NUL')
    if (end === start && found.length >= 2) break
    found.push(bytes.toString('latin1', start, end))
    start = end + 1
  }
  return found
}

/** Option names are compared without case (RFC 2347); the first of a repeated one counts. */
function pairs(parts: string[]): Map<string, string> {
  const options = new Map<string, string>()
  for (let at = 0; at + 1 < parts.length; at += 2) {
    const name = (parts[at] ?? '').toLowerCase()
    if (!options.has(name)) options.set(name, parts[at + 1] ?? '')
  }
  return options
}

function header(opcode: number, block: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt16BE(opcode, 0)
  bytes.writeUInt16BE(block, 2)
  return bytes
}

function strings(opcode: number, values: string[]): Buffer {
  const bytes = Buffer.from(`\0\0${values.map((value) => `${value}\0`).join('')}`, 'latin1')
  bytes.writeUInt16BE(opcode, 0)
  return bytes
}
