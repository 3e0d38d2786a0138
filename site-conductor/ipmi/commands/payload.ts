// Activate and Deactivate Payload (IPMI 2.0 §24.1, §24.2): network function 06h, commands 48h and 49h. Of payloads only the console is used: SOL, instance 1.
import { IpmiError } from '../errors.ts'
import type { RequestOptions, Requester } from '../request.ts'
import { SOL_HEADER_BYTES } from '../codec/sol.ts'
import { readAnswer } from './read-answer.ts'

const SOL = [0x01, 0x01] as const
/** Encrypted and authenticated. */
const SEALED = 0xc0
const NOT_ACTIVE = 0x80

const completions = {
  0x80: 'the console is active in another session',
  0x81: 'the console (SOL) is switched off at the BMC',
  0x82: 'the BMC has as many consoles as it can',
  0x83: 'the BMC has no console with encryption',
  0x84: 'the BMC has no console without encryption',
}

/** Resolves how many characters the BMC takes in one packet. */
export async function activateSol(session: Requester, options?: RequestOptions): Promise<number> {
  const name = 'Activate Payload (SOL)'
  const data = Uint8Array.of(...SOL, SEALED, 0, 0, 0)
  // Once more in the same session it would be refused, as active.
  const answer = await session.request({ name, netFn: 0x06, command: 0x48, data, kind: 'once', completions }, options)
  return readAnswer(name, answer, (reader) => {
    reader.skip(4)
    return Math.max(1, Math.min(reader.u16() - SOL_HEADER_BYTES, 255))
  })
}

/** Ends the console, of whatever session. One that is not active is no failure. */
export async function deactivateSol(session: Requester, options?: RequestOptions): Promise<void> {
  const name = 'Deactivate Payload (SOL)'
  const data = Uint8Array.of(...SOL, 0, 0, 0, 0)
  const specific = { ...completions, [NOT_ACTIVE]: 'the console is not active' }
  try {
    const command = { name, netFn: 0x06, command: 0x49, data, kind: 'idempotent', completions: specific } as const
    await session.request(command, options)
  } catch (error) {
    if (!(error instanceof IpmiError) || error.completionCode !== NOT_ACTIVE) throw error
  }
}
