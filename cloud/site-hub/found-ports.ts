// The NICs that an inspection found become ports of the node (Ironic's hook `ports`). Ports that are there stay as they are.
import { z } from 'zod'
import { FaultError } from '../../shared/faults.ts'
import { parseMac } from '../../shared/ids.ts'
import { callerOf } from '../provision/open-task.ts'
import type { SiteRef } from '../ports.ts'
import { ports } from '../schema/organisation.ts'
import type { TaskRow } from '../schema/rows.ts'
import { createPorts } from './node-rows.ts'
import { rowsWith } from './owned-rows.ts'
import type { Turn } from './turn.ts'

const List = z.array(z.unknown())
const Nic = z.object({ address: z.string().max(64), pxe_enabled: z.boolean() })
/** Of one inspection; no machine is known to have as many. */
const MAX_NEW = 256

/** An address that another node has, or that is none, is a line on the timeline: the rest of the inspection is as good as it was. */
export async function takePorts(
  turn: Turn,
  task: TaskRow,
  facts: Readonly<Record<string, unknown>>,
  site: SiteRef,
): Promise<void> {
  const found = List.safeParse(facts['ports']).data ?? []
  if (found.length === 0) return
  const note = (body: object) => turn.note(task.node, task.id, turn.now, 'inspection port', body)
  const seen = new Set((await rowsWith(turn, ports, 'node', task.node)).map(({ address }) => String(address)))
  const fresh: z.infer<typeof Nic>[] = []
  let [odd, beyond] = [0, 0]
  for (const each of found) {
    const { data: nic } = Nic.safeParse(each)
    const address = nic && (parseMac(nic.address) ?? nic.address)
    if (address === undefined) odd++
    else if (seen.has(address)) continue
    else if (fresh.push({ ...nic!, address }) > MAX_NEW) beyond++
    if (address !== undefined) seen.add(address)
  }
  if (odd > 0) note({ count: odd, why: 'what was found is no port' })
  if (beyond > 0) note({ count: beyond, why: `no more than ${MAX_NEW} ports are made at once` })
  const rows = fresh.slice(0, MAX_NEW).map((nic) => ({ node: task.node, ...nic }))
  try {
    const refused = await createPorts(turn, task.node, rows, callerOf(task), site)
    for (const [address, why] of refused) note({ address, why })
  } catch (error) {
    if (!(error instanceof FaultError)) throw error
    note({ count: rows.length, why: error.fault.message })
  }
}
