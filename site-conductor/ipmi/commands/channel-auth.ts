// Get Channel Authentication Capabilities (IPMI 2.0 §22.13, Table 22-15): network function 06h, command 38h, needs no session.
import { readAnswer } from './read-answer.ts'

export const channelAuthName = 'Get Channel Authentication Capabilities'
export const channelAuth = { netFn: 0x06, command: 0x38 } as const

export interface ChannelAuth {
  channel: number
  /** Whether the channel speaks RMCP+. */
  ipmi20: boolean
  /** A BMC key (Kg) is set: without it sessions fail although the password is right. */
  kgSet: boolean
  /** Whether there are enabled users with a name (otherwise only anonymous ones). */
  namedUsers: boolean
  anonymousLogin: boolean
}

/** Asks about the channel it arrives on (0Eh), for a level (1–4), with the IPMI 2.0 data (bit 7). */
export function channelAuthRequest(privilege: number): Uint8Array {
  return Uint8Array.of(0x8e, privilege)
}

export function readChannelAuth(data: Uint8Array): ChannelAuth {
  return readAnswer(channelAuthName, data, (reader) => {
    const [channel, types, status, extended] = [reader.u8(), reader.u8(), reader.u8(), reader.u8()]
    return {
      channel: channel & 0x0f,
      ipmi20: (types & 0x80) !== 0 && (extended & 0x02) !== 0,
      kgSet: (status & 0x20) !== 0,
      namedUsers: (status & 0x04) !== 0,
      anonymousLogin: (status & 0x03) !== 0,
    }
  })
}
