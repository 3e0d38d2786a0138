// Waiting until Neutron's ports are wired, where the conductor is told to: not every mechanism driver says so.
import { FaultError } from '../../../shared/faults.ts'
import type { StepContext } from '../../driver.ts'
import { sleep } from '../../timing.ts'
import type { Neutron } from './api.ts'
import { settingsOf } from './networks.ts'

const PAUSE_MS = 1000

/** Throws a fault that names those that are not. */
export async function whenActive<Info>(
  context: StepContext<Info>,
  neutron: Neutron,
  ids: readonly string[],
): Promise<void> {
  const limitS = settingsOf(context)?.portActiveTimeoutS ?? 0
  if (limitS === 0 || ids.length === 0) return
  const { env, signal } = context
  for (const end = env.mono() + limitS * 1000; ;) {
    const late = (await neutron.ports({ id: ids })).filter(({ status }) => status !== 'ACTIVE')
    if (late.length === 0) return
    if (env.mono() >= end) {
      const names = late.map(({ id, status }) => `${id} (${status})`).join(', ')
      throw new FaultError('timeout', `Neutron's ports did not become ACTIVE within ${limitS} s: ${names}`, {
        hint: 'see the log of neutron-server and of what wires the switches; neutron.portActiveTimeoutS of the conductor says how long to wait, 0 not at all',
      })
    }
    await sleep(env, PAUSE_MS, signal)
  }
}
