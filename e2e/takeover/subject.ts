// A machine that something is done to, whatever it is made of: what its power did, and what its BMC was told.
import { fakeMachine } from '../../site-conductor/drivers/fake/machine.ts'
import type { BlockDevice } from '../../agent/disk/block-devices.ts'
import { actsSince, powerSince, type Act, type Changes } from '../../sim/kills/judge.ts'
import type { SiteMachine } from '../../sim/site.ts'
import type { Story } from '../story.ts'

export interface Subject {
  readonly node: string
  readonly name: string
  /** Fake hardware has none that could be read. */
  readonly disk?: BlockDevice
  /** What it did last, where it can be seen. */
  readonly last?: () => string | undefined
  /** What has happened to it since this was called. */
  watch(): { power(): Changes; acts(): readonly Act[] }
}

export const simulated = ({ node, machine }: SiteMachine): Subject => ({
  node,
  name: machine.options.name,
  disk: machine.disk,
  last: () => machine.transitions.at(-1)?.kind,
  watch: () => ({ power: powerSince(machine), acts: actsSince(machine) }),
})

/** Of the driver fake-hardware: a machine without a BMC, whose changes of power are all that can be counted. */
export async function fake({ api }: Story, name: string): Promise<Subject> {
  const { uuid: node } = (await api.call('POST', '/nodes', { name, driver: 'fake-hardware' })) as { uuid: string }
  const { changes } = fakeMachine(node)
  return {
    node,
    name,
    watch() {
      const from = changes.length
      return { power: () => changes.slice(from).filter((change) => change !== 'reset'), acts: () => [] }
    },
  }
}
