// Cold Reset and Warm Reset (IPMI 2.0 §20.2, §20.3): network function 06h, commands 02h and 03h, Administrator. The machine goes on running.
import { IpmiError } from '../errors.ts'
import type { RequestOptions, Requester } from '../request.ts'
import { getDeviceId } from './device-id.ts'

/** `cold`: with its defaults and self-tests, `warm`: without. Resolves when the BMC has said so, or has said nothing more. */
export async function resetBmc(session: Requester, how: 'warm' | 'cold', options?: RequestOptions): Promise<void> {
  // In this very session, so that what is silent afterwards is silent because of the reset.
  await getDeviceId(session, { signal: options?.signal })
  const command = how === 'cold' ? 0x02 : 0x03
  try {
    await session.request({ name: `BMC reset (${how})`, netFn: 0x06, command, kind: 'once' }, options)
  } catch (error) {
    // It may start anew before it answers (§20.2).
    if (!(error instanceof IpmiError) || error.kind !== 'session-lost') throw error
  }
}
