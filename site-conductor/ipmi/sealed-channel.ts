// A channel whose packets are signed, encrypted and numbered: what stands once a handshake is done.
// Invariant: of what comes in, only packets with the right HMAC, of this session and with a new sequence number get through.
import { CodecError } from './codec/cursor.ts'
import type { SessionKeys } from './codec/keys.ts'
import { decodeResponse, encodeRequest, type IpmiRequest, type IpmiResponse } from './codec/message.ts'
import { afterRmcp, isRmcpPlus } from './codec/rmcp.ts'
import { decodeSession20, encodeSealed20, payloadType, unseal20 } from './codec/session20.ts'
import { closeSessionCommand } from './commands/close-session.ts'
import type { Env } from './env.ts'
import type { Channel } from './transport.ts'
import { ReplayWindow } from './window.ts'

/** What a handshake settled. */
export interface Established {
  consoleId: number
  managedId: number
  keys: SessionKeys
}

export class SealedChannel {
  readonly established: Established
  readonly #env: Env
  readonly #channel: Channel
  readonly #window = new ReplayWindow()
  #sequence = 0

  constructor(env: Env, channel: Channel, established: Established) {
    this.#env = env
    this.#channel = channel
    this.established = established
  }

  /** A packet with the next sequence number, ready to be sent. */
  seal(request: IpmiRequest): Uint8Array {
    const { managedId, keys } = this.established
    const payload = encodeRequest(request)
    const frame = { payloadType: payloadType.ipmi, sessionId: managedId, sequence: ++this.#sequence, payload }
    return encodeSealed20(frame, keys, this.#env.random(16))
  }

  send(packet: Uint8Array): void {
    this.#channel.send(packet)
  }

  /** Hands over answers from now on. Noise and forgeries are dropped: the request's timer deals with what is missing. */
  listen(onResponse: (response: IpmiResponse) => void): void {
    this.#channel.onPacket = (packet) => {
      const response = this.#unseal(packet)
      if (response) onResponse(response)
    }
  }

  #unseal(packet: Uint8Array): IpmiResponse | undefined {
    const { consoleId, keys } = this.established
    try {
      const wrapper = afterRmcp(packet)
      if (!isRmcpPlus(wrapper)) return undefined
      const frame = decodeSession20(wrapper)
      if (frame.sessionId !== consoleId || frame.payloadType !== payloadType.ipmi) return undefined
      const message = unseal20(wrapper, frame, keys)
      return this.#window.accept(frame.sequence) ? decodeResponse(message) : undefined
    } catch (error) {
      if (error instanceof CodecError) return undefined
      throw error
    }
  }

  /** One Close Session that nobody waits for: a session that is given up may still take one of the BMC's few slots. */
  abandon(): void {
    const { netFn, command, data = new Uint8Array(0) } = closeSessionCommand(this.established.managedId)
    this.send(this.seal({ netFn, command, sequence: 0, data }))
  }
}
