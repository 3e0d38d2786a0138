// Looking until it is so: after a start or an update a BMC takes its time, and may not answer meanwhile.
import { FaultError } from '../../../shared/faults.ts'
import { sleep } from '../../timing.ts'
import type { RedfishContext } from './bmc.ts'

const FIRST_MS = 100
const LONGEST_MS = 15_000
/** A BMC that starts anew, or is busy with itself. */
const PASSING: readonly string[] = ['bmc.unreachable', 'bmc.refused', 'bmc.session_lost']

/** The first answer of `look` that is not undefined; `why` is asked for words when the time is over. */
export async function until<T>(
  { env, signal }: RedfishContext,
  timeoutMs: number,
  look: () => Promise<T | undefined>,
  why: () => string,
): Promise<T> {
  const end = env.mono() + timeoutMs
  let last: unknown
  for (let pauseMs = FIRST_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_MS)) {
    try {
      last = undefined
      const found = await look()
      if (found !== undefined) return found
    } catch (error) {
      if (!(error instanceof FaultError) || !PASSING.includes(error.fault.code)) throw error
      last = error
    }
    if (env.mono() + pauseMs > end) throw last ?? new FaultError('bmc.refused', why())
    await sleep(env, pauseMs, signal)
  }
}
