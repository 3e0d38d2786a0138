// Implementations that do nothing, by Ironic's names: `no-raid` and the like refuse, `noop` agrees to everything because nothing is to be done.
import { FaultError } from '../../shared/faults.ts'
import type { Implementation } from '../driver.ts'

/** The machine, or this conductor, cannot do it: `validate` says so, and so does every call. */
export function noInterface<Info>(kind: string): Record<string, Implementation<Info>> {
  return {
    [`no-${kind}`]: {
      validate({ node }) {
        throw new FaultError(
          'driver.unsupported',
          `Driver ${node.driver} does not support ${kind} (disabled or not implemented).`,
        )
      },
    },
  }
}

/** Nothing has to be done for it: a network that machines are on at all times, no volumes. */
export function noop<Info>(): Record<string, Implementation<Info>> {
  return { noop: { validate() {} } }
}
