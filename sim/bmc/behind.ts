// Controllers behind a BMC, reached by Send Message (IPMI 2.0 §22.7): blades of a chassis. The answer goes inside the answer to Send Message, or by
// itself after an empty one, as both are found in hardware.
import { CodecError } from '../../site-conductor/ipmi/codec/cursor.ts'
import { decodeRequest, type IpmiRequest } from '../../site-conductor/ipmi/codec/message.ts'
import type { Chassis } from './chassis.ts'
import type { BmcCommand, Machine } from './commands.ts'
import type { FirmwareFaults } from './server.ts'

export interface Behind {
  readonly channel: number
  readonly address: number
  readonly chassis: Chassis
  readonly behind?: readonly Behind[]
}

export interface Controller {
  readonly channel: number
  readonly address: number
  readonly machine: Machine
  readonly behind: readonly Controller[]
}

const isTracked = (channel: number) => channel >> 6 === 1

export const isSendMessage = ({ netFn, command }: IpmiRequest) => netFn === 0x06 && command === 0x34

/** Each is a machine as the BMC's own, with boot options of its own. */
export function controllersOf(like: Machine, behind: readonly Behind[] = []): Controller[] {
  return behind.map(({ channel, address, chassis, behind: more }) => {
    const machine = { ...like, chassis, boot: { ...like.boot } }
    return { channel, address, machine, behind: controllersOf(like, more) }
  })
}

/** `run` does the message at the controller that it is for and returns that one's answer as a message. */
export function sendMessageCommand(
  behind: readonly Controller[],
  { bridging }: Pick<FirmwareFaults, 'bridging'>,
  run: (request: IpmiRequest, at: Controller) => Buffer,
): BmcCommand {
  return {
    name: 'Send Message',
    level: 2,
    run(_machine, data, session) {
      const [channel, address] = data
      if (channel === undefined || address === undefined) return { code: 0xc7 }
      if (!isTracked(channel)) return { code: 0xcc }
      const detail = `channel ${channel & 0x0f} address 0x${address.toString(16)}`
      const at = behind.find((each) => each.channel === (channel & 0x0f) && each.address === address)
      if (!at) return { code: 0x83, detail }
      let message: Buffer | undefined
      // Before those of controllers further behind.
      if (bridging === 'after') queueMicrotask(() => message && session?.push?.(0, message))
      try {
        message = run(decodeRequest(data.subarray(1)), at)
        return bridging === 'inside' ? { data: message, detail } : { detail }
      } catch (error) {
        if (error instanceof CodecError) return { code: 0xcc, detail }
        throw error
      }
    },
  }
}
