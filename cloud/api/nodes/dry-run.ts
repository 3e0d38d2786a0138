// PUT states/provision?dry_run=true: what the verb would do, by the very checks and plans of the hub. Nothing changes.
import type { ProvisionArgs, Rehearsal } from '../../site-hub/commands.ts'
import type { Verb } from '../../../shared/states.ts'
import { json, type Answer, type Call } from '../call.ts'
import { expectedS } from '../tasks.ts'
import { command } from './find.ts'

/** Steps that write over disks: the disk that the image goes to, or all. */
const WIPING: Readonly<Record<string, 'root' | 'all'>> = {
  'deploy.write_image': 'root',
  'deploy.execute_bootc_install': 'root',
  // What an installer does is its kickstart's matter; the one that comes with a conductor clears them all.
  'deploy.wait_installer': 'all',
  'deploy.erase_devices_metadata': 'all',
  'deploy.erase_devices': 'all',
  'deploy.erase_devices_express': 'all',
}

interface Disk {
  readonly name?: string
  readonly serial?: string
  readonly wwn?: string
  readonly model?: string
  readonly size?: number
}

export async function rehearsed(
  call: Call,
  node: { uuid: string; site: string },
  verb: Verb,
  args: ProvisionArgs,
): Promise<Answer> {
  const wanted = { kind: 'node.provision', node: node.uuid, verb, args, dryRun: true } as const
  const { from, to, tasks, problem } = (await command(call, node.site, wanted).finally(
    // What was sealed for the arguments was for this question only.
    () => args.configdrive && call.ports.blobs.delete(args.configdrive),
  )) as Rehearsal
  const steps = tasks.flatMap(({ kind, steps: of }) =>
    of.map(({ interface: iface, step, waits, pointOfNoReturn, timeoutMs }) => ({
      task: kind,
      interface: iface,
      step,
      waits: waits === true,
      point_of_no_return: pointOfNoReturn === true,
      timeout_ms: timeoutMs ?? null,
    })),
  )
  const wipes = [...new Set(steps.flatMap(({ interface: iface, step }) => WIPING[`${iface}.${step}`] ?? []))]
  const ports = await call.sql.all('SELECT uuid, address, pxe_enabled FROM ports WHERE node = ? ORDER BY id', [
    node.uuid,
  ])
  return json({
    node_uuid: node.uuid,
    target: verb,
    from,
    to,
    problem,
    steps,
    wipes: wipes.includes('all') ? 'all' : (wipes[0] ?? null),
    disks: wipes.length > 0 ? await disksOf(call, node.uuid) : [],
    ports: ports.map(([uuid, address, pxe]) => ({ uuid, address, pxe_enabled: pxe === 1 })),
    expected_s: tasks.reduce((sum, { kind }) => sum + expectedS(kind), 0),
  })
}

/** As inspection found them, with the hints by which the root disk is chosen; null while nobody has inspected the machine. */
async function disksOf(call: Call, node: string) {
  const sql =
    "SELECT i.inventory_blob, n.properties ->> '$.root_device' FROM nodes n LEFT JOIN inventories i ON i.node = n.uuid WHERE n.uuid = ?"
  const [row] = await call.sql.all(sql, [node])
  const blob = row?.[0] ? await call.ports.blobs.get(String(row[0])) : null
  if (!blob) return null
  const found = JSON.parse(new TextDecoder().decode(blob)) as { disks?: Disk[]; inventory?: { disks?: Disk[] } }
  const hints = JSON.parse(String(row?.[1] ?? '{}')) as Record<string, unknown>
  return (found.inventory?.disks ?? found.disks ?? []).map(({ name, serial, wwn, model, size }) => {
    const disk: Record<string, unknown> = {
      name: name ?? null,
      serial: serial ?? null,
      wwn: wwn ?? null,
      model: model ?? null,
      size: size ?? null,
    }
    const hinted = Object.entries(hints).filter(([hint]) => hint in disk)
    // Hints with operators (`>= 100`, `s!= x`) are the agent's to judge.
    const matches = hinted.length > 0 && hinted.every(([hint, value]) => String(value) === String(disk[hint]))
    return { ...disk, matches_hints: matches }
  })
}
