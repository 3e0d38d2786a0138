// Options that hold text: 12 host name, 56 message, 60 vendor class, 66 TFTP server name, 67 boot file name
// (RFC 2132 §3.14, §9.9, §9.13, §9.4, §9.5). Some clients end them with NULs, which RFC 2132 §2 tells us to trim.
import { CodecError } from '../cursor.ts'
import type { OptionCodec } from './option.ts'

function text(code: number, name: string): OptionCodec<string> {
  return {
    code,
    name,
    decode(bytes) {
      let end = bytes.length
      while (end > 0 && bytes[end - 1] === 0) end--
      return Buffer.from(bytes.buffer, bytes.byteOffset, end).toString('latin1')
    },
    encode(value) {
      if (value === '') throw new CodecError(`${name}: at least one character`)
      const bytes = Buffer.from(value, 'latin1')
      if (bytes.includes(0) || bytes.toString('latin1') !== value) {
        throw new CodecError(`${name}: a character that does not fit a byte`)
      }
      return bytes
    },
  }
}

export const hostName = text(12, 'host name')
export const message = text(56, 'message')
export const vendorClass = text(60, 'vendor class')
export const tftpServerName = text(66, 'TFTP server name')
export const bootFileName = text(67, 'boot file name')
