// The NICs that an inspection found become ports of the node (Ironic's hook `ports`). Ports that are there stay as they are.
import { z } from 'zod'
import { FaultError } from '../../shared/faults.ts'
import { callerOf } from '../provision/open-task.ts'
import type { SiteRef } from '../ports.ts'
import { ports } from '../schema/organisation.ts'
import type { TaskRow } from '../schema/rows.ts'
import { createRow } from './node-rows.ts'
import { rowsWith } from './owned-rows.ts'
import type { Turn } from './turn.ts'

const Ports = z.array(z.object({ address: z.string().max(64), pxe_enabled: z.boolean() })).max(256)

/** An address that another node has, or that is none, is a line on the timeline: the rest of the inspection is as good as it was. */
export async function takePorts(
  turn: Turn,
  task: TaskRow,
  facts: Readonly<Record<string, unknown>>,
  site: SiteRef,
): Promise<void> {
  const found = Ports.safeParse(facts['ports'])
  if (!found.success) return
  const known = new Set((await rowsWith(turn, ports, 'node', task.node)).map(({ address }) => address))
  for (const port of found.data.filter(({ address }) => !known.has(address))) {
    try {
      const row = { node: task.node, ...port }
      await createRow(turn, { kind: 'row.create', table: 'port', row, ...callerOf(task) }, site)
    } catch (error) {
      if (!(error instanceof FaultError)) throw error
      turn.note(task.node, task.id, turn.now, 'inspection port', { address: port.address, why: error.fault.message })
    }
  }
}
