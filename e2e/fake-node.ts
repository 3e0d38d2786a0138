// A node of fake hardware that a test follows: what happened to it, and what was done to its machine. The conductor is in the test's own process.
import { fakeMachine, type Machine } from '../site-conductor/drivers/fake/machine.ts'
import type { Api } from '../sim/api.ts'

export interface Followed {
  readonly uuid: string
  readonly machine: Machine
  /** What was done to the machine since this was last asked. */
  did(): string[]
  /** The provision states that the timeline has since this was last asked. */
  path(): Promise<unknown[]>
}

export function follow(api: Api, uuid: string): Followed {
  const machine = fakeMachine(uuid)
  let [told, states] = [0, 0]
  return {
    uuid,
    machine,
    did: () => machine.log.slice(told, (told = machine.log.length)),
    async path() {
      const moves = (await api.timeline(uuid)).filter(({ type }) => type === 'node.provision_state')
      return moves.slice(states, (states = moves.length)).map(({ body }) => body['to'])
    },
  }
}
