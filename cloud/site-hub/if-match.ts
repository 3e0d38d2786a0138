// If-Match, as the hub compares it: with what the drafts so far have left.
import { FaultError } from '../../shared/faults.ts'
import type { HubCommand } from './commands.ts'
import { rowStamp } from './node-rows.ts'
import type { Turn } from './turn.ts'

/** Throws where the resource is another than the one that the client has read. */
export async function checkMatch(turn: Turn, command: HubCommand): Promise<void> {
  if (command.ifMatch !== undefined && !command.ifMatch.includes(await stampOf(turn, command)))
    throw new FaultError('request.changed', 'The resource was changed since it was read.')
}

async function stampOf(turn: Turn, command: HubCommand): Promise<string> {
  if ('node' in command && typeof command.node === 'string') return String((await turn.node(command.node)).version)
  if (command.kind === 'row.patch' || command.kind === 'row.delete') return rowStamp(turn, command.table, command.uuid)
  throw new FaultError('request.invalid', 'If-Match is not served here.')
}
