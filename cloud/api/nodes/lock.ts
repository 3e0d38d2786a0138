// A node on which a task works is locked: what would change it waits for the end of the task, as in Ironic, and is refused with 409 when
// that does not come soon. 1. The hub, as the one writer, decides each time, also on If-Match; none of its turns waits. 2. One request of many
// gets the lock, the others wait on, all of them no longer than lockWaitMs. 3. Nothing waits for a client that went away.
import { STATES, type State } from '../../../shared/states.ts'
import type { CommandResult } from '../../site-hub/commands.ts'
import type { Call } from '../call.ts'
import type { Wanted } from './find.ts'
import { seen } from './seen.ts'

/** The result of `attempt`, which sends `wanted` to the hub of `site`: the first that is not node.locked, else that. */
export async function unlocked(
  call: Call,
  site: string,
  wanted: Wanted,
  attempt: () => Promise<CommandResult>,
): Promise<CommandResult> {
  let result = await attempt()
  const { lockWaitMs } = call.ports
  if (!isLocked(result) || lockWaitMs === 0) return result
  const uuid = await nodeOf(call, wanted)
  if (uuid === undefined) return result
  // Where nobody can wait, the first answer stands.
  await seen(call, { uuid, site }, lockWaitMs, async () => {
    const [row] = await call.sql.all('SELECT task, provision_state FROM nodes WHERE uuid = ?', [uuid])
    if (row && row[0] !== null) return !endsSoon(row[1] as State)
    result = await attempt()
    return !isLocked(result)
  })
  return result
}

function isLocked(result: CommandResult): boolean {
  return !result.ok && result.fault.code === 'node.locked'
}

/** A task that waits for the machine, or for a person, takes minutes. */
function endsSoon(state: State): boolean {
  const { kind } = STATES[state]
  return kind !== 'waiting' && kind !== 'held'
}

/** The node that a command changes. */
async function nodeOf(call: Call, wanted: Wanted): Promise<string | undefined> {
  if (wanted.kind === 'row.patch' || wanted.kind === 'row.delete') {
    const [row] = await call.sql.all(`SELECT node FROM ${wanted.table}s WHERE uuid = ?`, [wanted.uuid])
    return row && String(row[0])
  }
  return 'node' in wanted && typeof wanted.node === 'string' ? wanted.node : undefined
}
