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
  /** Of what has come. */
  #newest = 0

  constructor(env: Env, channel: Channel, established: Established) {
    this.#env = env
    this.#channel = channel
    this.established = established
  }

  /** A packet with the next sequence number, ready to be sent. */
  seal(request: IpmiRequest): Uint8Array {
    return this.#seal(payloadType.ipmi, encodeRequest(request))
  }

  sealSol(payload: Uint8Array): Uint8Array {
    return this.#seal(payloadType.sol, payload)
  }

  #seal(type: number, payload: Uint8Array): Uint8Array {
    const { managedId, keys } = this.established
    const frame = { payloadType: type, sessionId: managedId, sequence: ++this.#sequence, payload }
    return encodeSealed20(frame, keys, this.#env.random(16))
  }

  send(packet: Uint8Array): void {
    this.#channel.send(packet)
  }

  /** Hands over answers, and what a console says, from now on. Noise and forgeries are dropped: timers deal with what is missing. */
  listen(onResponse: (response: IpmiResponse) => void, onSol: (payload: Uint8Array) => void): void {
    this.#channel.onPacket = (packet) => {
      try {
        const { type, payload } = this.#unseal(packet)
        if (type === payloadType.sol) onSol(payload)
        else onResponse(decodeResponse(payload))
      } catch (error) {
        if (!(error instanceof CodecError)) throw error
      }
    }
  }

  #unseal(packet: Uint8Array): { type: number; payload: Uint8Array } {
    const { consoleId, keys } = this.established
    const wrapper = afterRmcp(packet)
    if (!isRmcpPlus(wrapper)) throw new CodecError('IPMI 1.5 packet in a session')
    const frame = decodeSession20(wrapper)
    const { payloadType: type, sequence } = frame
    if (frame.sessionId !== consoleId || (type !== payloadType.ipmi && type !== payloadType.sol))
      throw new CodecError('RMCP+ packet of another session')
    const payload = unseal20(wrapper, frame, keys)
    if (!this.#window.accept(sequence)) throw new CodecError('RMCP+ packet that was here before')
    // SOL's own numbers come round soon: one that was overtaken may be taken for another. It is sent again where it is still wanted.
    if (type === payloadType.sol && sequence < this.#newest) throw new CodecError('SOL packet that was overtaken')
    this.#newest = Math.max(this.#newest, sequence)
    return { type, payload }
  }

  /** One Close Session that nobody waits for: a session that is given up may still take one of the BMC's few slots. */
  abandon(): void {
    const { netFn, command, data = new Uint8Array(0) } = closeSessionCommand(this.established.managedId)
    this.send(this.seal({ netFn, command, sequence: 0, data }))
  }
}
