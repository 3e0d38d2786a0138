// Option 97, client machine identifier (RFC 4578 §2.3): type 0 and the 16 bytes of the SMBIOS UUID. SMBIOS keeps the
// first three fields little-endian (SMBIOS 3.7 §7.2.1), so 33221100-5544-7766-8899-… is sent as 00 11 22 33 44 55 66 77 88 99 ….
//
//   +------+--------------------------
//   | 0    | 16 bytes, mixed endian
//   +------+--------------------------
import { CodecError, Reader, Writer } from '../cursor.ts'
import type { OptionCodec } from './option.ts'

/** A lower-case UUID as `dmidecode` shows it. */
export const machineIdentifier: OptionCodec<string> = {
  code: 97,
  name: 'machine identifier',
  decode(bytes) {
    const reader = new Reader(bytes)
    const type = reader.u8()
    if (type !== 0) throw new CodecError(`unknown type ${type}`)
    const hex = swapped(reader.take(16)).toString('hex')
    reader.end(machineIdentifier.name)
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  },
  encode(uuid) {
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(uuid)) throw new CodecError('not a UUID')
    return new Writer()
      .u8(0)
      .bytes(swapped(Buffer.from(uuid.replaceAll('-', ''), 'hex')))
      .finish()
  },
}

function swapped(uuid: Buffer): Buffer {
  const bytes = Buffer.from(uuid)
  bytes.subarray(0, 4).swap32()
  bytes.subarray(4, 8).swap16()
  return bytes
}
