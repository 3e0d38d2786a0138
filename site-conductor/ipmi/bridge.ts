// Commands for a management controller behind the BMC: each goes inside Send Message, once per bus on the way (IPMI 2.0 §6.13, §22.7). The answer
// comes inside the answer to Send Message, or by itself after an empty one; BMCs do both.
//   channel | 40h "track the request" | responder | netFn/LUN | checksum | requester | sequence/LUN | command | data… | checksum
import { CodecError } from './codec/cursor.ts'
import { bmcAddress, decodeResponse, encodeMessage, type IpmiRequest, type IpmiResponse } from './codec/message.ts'
import type { Command, Requester } from './request.ts'

export interface Hop {
  /** Of the controller that the message is at: 0 is the IPMB. */
  readonly channel: number
  /** Slave address of the controller there. */
  readonly address: number
}

export interface Bridge {
  /** The last is where commands are for. */
  readonly hops: readonly [Hop] | readonly [Hop, Hop]
  /** Slave address of the BMC on its bus, default 20h. */
  readonly localAddress?: number | undefined
}

const sendMessage = { netFn: 0x06, command: 0x34 } as const
const track = 0x40

/** Texts of Send Message's own completion codes. */
export const sendMessageCompletions = {
  0x80: 'the controller behind the BMC gave no answer in time',
  0x81: 'the bus behind the BMC lost the arbitration',
  0x82: 'the bus behind the BMC has an error',
  0x83: 'there is nobody at that address behind the BMC',
}

/** The request as the BMC gets it. The sequence number is the same in all of it, by which an answer that comes by itself is known. */
export function envelope(request: IpmiRequest, { hops, localAddress = bmcAddress }: Bridge): IpmiRequest {
  return hops.reduceRight<IpmiRequest>((inner, { channel, address }, i) => {
    // Onto the second bus it is the first controller that sends.
    const requester = i === 0 ? localAddress : (hops[0] as Hop).address
    const message = encodeMessage(address, requester, inner)
    return {
      ...sendMessage,
      sequence: request.sequence,
      data: Buffer.concat([Uint8Array.of(track | channel), message]),
    }
  }, request)
}

export function isSendMessage({ netFn, command }: IpmiResponse): boolean {
  return netFn === sendMessage.netFn + 1 && command === sendMessage.command
}

/**
 * What an answer to Send Message says: the answer of the controller behind, or the failure of a hop; undefined: only that the message is on its way.
 * Throws CodecError.
 */
export function opened(answer: IpmiResponse): IpmiResponse | undefined {
  if (!isSendMessage(answer) || answer.completionCode !== 0) return answer
  if (answer.data.length === 0) return undefined
  const inner = decodeResponse(answer.data)
  if (inner.sequence !== answer.sequence) throw new CodecError('Send Message: the answer to another request')
  return opened(inner)
}

/** Sends what it is asked over the bridge. */
export function over(session: Requester, bridge: Bridge | undefined): Requester {
  if (bridge === undefined) return session
  return { request: (command: Command, options) => session.request({ ...command, bridge }, options) }
}
