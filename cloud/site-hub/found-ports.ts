// The NICs that an inspection found, and the ports of its node (Ironic's hook `ports` and those that say something of ports). Which NICs are to have
// ports, and which ports stay, its conductor has decided by the policy of its site; which ports there are is known here.
import { z } from 'zod'
import { FaultError } from '../../shared/faults.ts'
import { parseMac } from '../../shared/ids.ts'
import { callerOf } from '../provision/open-task.ts'
import type { SiteRef } from '../ports.ts'
import { ports } from '../schema/organisation.ts'
import type { TaskRow } from '../schema/rows.ts'
import { createPorts, deleteRow, patchRow } from './node-rows.ts'
import { rowsWith, type NodeOwned } from './owned-rows.ts'
import type { Turn } from './turn.ts'

const Nic = z.object({
  address: z.string().max(64),
  /** There is to be a port where there is none. */
  add: z.boolean().default(false),
  pxe_enabled: z.boolean().default(true),
  local_link_connection: z.record(z.string(), z.string().max(255)).default({}),
  physical_network: z.string().max(64).optional(),
})
type Nic = z.infer<typeof Nic>

/** Conductors before the policy told a list, and meant all of them. */
const Told = z.union([
  z.array(z.unknown()).transform((nics) => ({ nics, adds: true, keep: 'all' as const, update_pxe_enabled: false })),
  z
    .object({
      nics: z.array(z.unknown()),
      /** Ports of these NICs stay: of any, of those that were found, of those that are to have ports. */
      keep: z.enum(['all', 'present', 'added']),
      update_pxe_enabled: z.boolean(),
    })
    .transform((told) => ({ ...told, adds: false })),
])

/** Of one inspection; no machine is known to have as many. */
const MAX_NEW = 256

/** What cannot be is a line on the timeline (an address that another node has, or that is none): the rest of the inspection is as good as it was. */
export async function takePorts(
  turn: Turn,
  task: TaskRow,
  facts: Readonly<Record<string, unknown>>,
  site: SiteRef,
): Promise<void> {
  const { data: told } = Told.safeParse(facts['ports'])
  if (told === undefined || told.nics.length === 0) return
  const note = (body: object) => turn.note(task.node, task.id, turn.now, 'inspection port', body)
  const present = await rowsWith(turn, ports, 'node', task.node)
  const had = new Set(present.map(({ address }) => String(address)))
  const nics = new Map<string, Nic>()
  let odd = 0
  for (const each of told.nics) {
    const { data: nic } = Nic.safeParse(each)
    const address = nic && (parseMac(nic.address) ?? nic.address)
    if (address === undefined) odd++
    else if (!nics.has(address)) nics.set(address, { ...nic!, address, add: nic!.add || told.adds })
  }
  if (odd > 0) note({ count: odd, why: 'what was found is no port' })
  const fresh = [...nics.values()].filter(({ address, add }) => add && !had.has(address))
  await add(turn, task, fresh, site, note)
  for (const port of present) {
    const nic = nics.get(String(port['address']))
    const stays = told.keep === 'all' || (nic !== undefined && (told.keep === 'present' || nic.add))
    const about = { table: 'port', uuid: port.uuid, ...callerOf(task) } as const
    const patch = stays && nic ? changesOf(port, nic, told.update_pxe_enabled) : []
    try {
      if (!stays) await deleteRow(turn, { kind: 'row.delete', ...about }, site)
      else if (patch.length > 0) await patchRow(turn, { kind: 'row.patch', ...about, patch }, site)
    } catch (error) {
      if (!(error instanceof FaultError)) throw error
      note({ address: port['address'], why: error.fault.message })
    }
  }
}

async function add(
  turn: Turn,
  task: TaskRow,
  fresh: readonly Nic[],
  site: SiteRef,
  note: (body: object) => void,
): Promise<void> {
  if (fresh.length > MAX_NEW)
    note({ count: fresh.length - MAX_NEW, why: `no more than ${MAX_NEW} ports are made at once` })
  const rows = fresh.slice(0, MAX_NEW).map(({ add: _add, ...nic }) => ({ node: task.node, ...nic }))
  if (rows.length === 0) return
  try {
    const refused = await createPorts(turn, task.node, rows, callerOf(task), site)
    for (const [address, why] of refused) note({ address, why })
  } catch (error) {
    if (!(error instanceof FaultError)) throw error
    note({ count: rows.length, why: error.fault.message })
  }
}

/** What somebody has said of the cable stays; of the physical network the inspection knows better. */
function changesOf(port: NodeOwned, nic: Nic, updatesPxeEnabled: boolean) {
  const wanted = {
    local_link_connection: { ...nic.local_link_connection, ...(port['local_link_connection'] as object) },
    ...(nic.physical_network !== undefined && { physical_network: nic.physical_network }),
    ...(updatesPxeEnabled && { pxe_enabled: nic.pxe_enabled }),
  }
  return Object.entries(wanted)
    .filter(([column, value]) => !isSame(port[column], value))
    .map(([column, value]) => ({ op: 'add' as const, path: `/${column}`, value }))
}

function isSame(a: unknown, b: unknown): boolean {
  const sorted = (value: unknown) =>
    typeof value === 'object' && value !== null ? Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1)) : value
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
}
