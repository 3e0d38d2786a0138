// How much of a kind may be under way at a site at once (Ironic's max_concurrent_deploy and max_concurrent_clean): what is beyond is refused with 503, before
// anything changes. What follows from work that was let in, as the cleaning behind a tear-down, is not counted again; nor is `provide`, as in Ironic.
import { FaultError } from '../../shared/faults.ts'
import type { State, Verb } from '../../shared/states.ts'
import type { Turn } from '../site-hub/turn.ts'

const LIMITS = [
  { of: 'max_concurrent_deploy', what: 'provisioning', states: ['deploying', 'wait call-back'] },
  { of: 'max_concurrent_clean', what: 'cleaning', states: ['deleting', 'cleaning', 'clean wait'] },
] as const satisfies readonly { of: string; what: string; states: readonly State[] }[]

/** `to`: the state to which a person's verb leads. */
export async function refuseBeyondLimit(turn: Turn, verb: Verb, to: State): Promise<void> {
  const limit = LIMITS.find(({ states }) => (states as readonly State[]).includes(to))
  if (!limit || verb === 'provide') return
  const most = turn.state.site[limit.of]
  // Whoever is in one of these states has an open task, or a child that has one: it is seldom worth to count.
  if (turn.state.tasks.size < most || (await turn.countIn(limit.states)) < most) return
  throw new FaultError(
    'site.busy',
    `Unable to process request at this time. The concurrent action limit for ${limit.what} has been reached. Please contact your administrator and try again later.`,
  )
}
