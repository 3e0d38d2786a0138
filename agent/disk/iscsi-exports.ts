// What the iscsi commands share: which export they speak of. A name that is not the last export's belongs to somebody who was replaced.
import * as z from 'zod'
import type { CommandContext } from '../command.ts'
import { AgentFault } from '../fault.ts'
import type { IscsiTarget } from './iscsi-target.ts'

/** RFC 7143 §4.2.7.4, as narrow as we need it: it goes into command lines and comma lists. */
export const iqnSchema = z.string().regex(/^iqn\.\d{4}-\d{2}\.[a-z0-9.:-]{1,200}$/, 'not an iqn. name')

export function targetOf({ machine }: CommandContext): IscsiTarget {
  if (machine.iscsi !== undefined) return machine.iscsi
  throw new AgentFault('CommandExecutionError', 'this machine cannot export its disks')
}

/** Throws unless `iqn` was the last export and has ended: only then does nobody write while the disk is looked at. */
export function requireEnded(context: CommandContext, iqn: string): void {
  const target = targetOf(context)
  if (target.lastIqn !== iqn) throw new AgentFault('CommandExecutionError', `${iqn} is not what was exported last`)
  if (target.current !== undefined) throw new AgentFault('CommandExecutionError', `${iqn} is still exported`)
}
