// Option 53, DHCP message type (RFC 2132 §9.6).
import { CodecError, Reader } from '../cursor.ts'
import type { OptionCodec } from './option.ts'

const NUMBERS = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const

export type MessageType = keyof typeof NUMBERS

const BY_NUMBER = new Map(Object.entries(NUMBERS).map(([name, number]) => [number, name as MessageType]))

export const messageType: OptionCodec<MessageType> = {
  code: 53,
  name: 'message type',
  decode(bytes) {
    const reader = new Reader(bytes)
    const number = reader.u8()
    reader.end(messageType.name)
    const name = BY_NUMBER.get(number as 1)
    if (name === undefined) throw new CodecError(`unknown type ${number}`)
    return name
  },
  encode: (type) => Buffer.of(NUMBERS[type]),
}
