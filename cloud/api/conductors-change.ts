// What a person does with a conductor (ours): drain and undrain, weight and labels, declare dead, revoke. The hub of its site carries it out.
import { z } from 'zod'
import { FaultError } from '../../shared/faults.ts'
import { isUuid } from '../../shared/ids.ts'
import { Labels } from '../../shared/ring-labels.ts'
import type { Dead, Left } from '../site-hub/commands.ts'
import { isoTime } from '../schema/rows.ts'
import { readBody } from './body.ts'
import { empty, json, type Answer, type Call, type Route } from './call.ts'
import { CONDUCTORS, showConductor } from './conductors.ts'
import { command } from './nodes/find.ts'
import { checkPatch, PatchBody, type Patchable } from './patch.ts'
import { invalid, readQuery } from './query.ts'

export interface FoundConductor {
  readonly id: string
  readonly hostname: string
  readonly site: string
}

/** By UUID, or by a hostname that only one has. Throws 404, or 409 where several sites have one of that name. */
export async function findConductor(call: Call, ident: string, site?: string): Promise<FoundConductor> {
  const column = isUuid(ident) ? 'id' : 'hostname'
  const rows = await call.sql.all(
    `SELECT id, hostname, site FROM conductors WHERE ${column} = ?1 AND (?2 IS NULL OR site = ?2) LIMIT 2`,
    [column === 'id' ? ident.toLowerCase() : ident, site ?? null],
  )
  const [row] = rows
  if (!row) throw new FaultError('not_found', `Conductor ${ident} could not be found.`)
  if (rows.length > 1)
    throw new FaultError('conflict', `Several sites have a conductor called ${ident}.`, { hint: 'name it by its UUID' })
  return { id: String(row[0]), hostname: String(row[1]), site: String(row[2]) }
}

const PATCHABLE: Readonly<Record<string, Patchable>> = {
  weight: { since: 1, schema: z.int().min(1).max(1000), needed: true },
  labels: { since: 1, schema: Labels, keys: { name: '[A-Za-z0-9][A-Za-z0-9_.-]{0,62}', value: Labels.valueType } },
}
const Label = z.string()

async function patchConductor(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const patch = checkPatch(await readBody(call.request, PatchBody), PATCHABLE, call.version)
  const { id, site } = await findConductor(call, call.params['ident']!)
  const [row] = await call.sql.all('SELECT labels FROM conductors WHERE id = ?', [id])
  let labels: Record<string, string> | undefined
  let weight: number | undefined
  for (const { op, path, value } of patch) {
    const [, root, key, ...below] = path.split('/')
    if (root === 'weight') weight = value as number
    else if (key === undefined) labels = op === 'remove' ? {} : (value as Record<string, string>)
    else {
      if (below.length > 0) throw invalid(`"${path}" has no keys`)
      labels ??= JSON.parse(String(row![0])) as Record<string, string>
      const { [key]: old, ...others } = labels
      if (op !== 'add' && old === undefined) throw invalid(`There is no label ${key}`)
      labels = op === 'remove' ? others : { ...others, [key]: checkedLabel(value) }
    }
  }
  if (labels !== undefined && !Labels.safeParse(labels).success)
    throw invalid('A label or its value has characters that are not possible: A-Z a-z 0-9 _ . -, and : / in values')
  const wanted = { ...(weight === undefined ? {} : { weight }), ...(labels === undefined ? {} : { labels }) }
  await command(call, site, { kind: 'conductor.patch', conductor: id, ...wanted })
  return json(await showConductor(call, id))
}

function checkedLabel(value: unknown): string {
  const parsed = Label.safeParse(value)
  if (!parsed.success) throw invalid('The value of a label is a text')
  return parsed.data
}

/** 202: nodes with a task go when it ends; `nodes` of the conductor counts down. */
const drain =
  (on: boolean) =>
  async (call: Call): Promise<Answer> => {
    readQuery(call.search, [])
    const { id, hostname, site } = await findConductor(call, call.params['ident']!)
    const left = (await command(call, site, { kind: 'conductor.drain', conductor: id, on })) as Left
    const body = {
      uuid: id,
      hostname,
      draining: on,
      nodes: left.nodes,
      nodes_busy: left.busy,
      nodes_staying: on ? left.staying : 0,
      message: on ? drained(left) : `${hostname} takes nodes again.`,
    }
    return json(body, 202, { Location: `${call.base}/v1/conductors/${id}` })
  }

function drained({ nodes, busy, staying }: Left): string {
  if (nodes === 0) return 'It has no nodes: it can be stopped.'
  const moving = `${nodes - staying} nodes are on their way to others, ${busy} have a task that ends first`
  const stuck =
    staying > 0
      ? `; ${staying} stay, since no other live conductor may have them (GET /v1/sites/{id}/ring says why)`
      : ''
  return `${moving}${stuck}.`
}

async function declareDead(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const { id, hostname, site } = await findConductor(call, call.params['ident']!)
  const dead = (await command(call, site, { kind: 'conductor.declare_dead', conductor: id })) as Dead
  const warning =
    `You said that ${hostname} does nothing any more. Others drive its nodes from now on without waiting for it. If its process still runs,` +
    ` two may act on one BMC: switch its host off, or make sure that it cannot reach the BMCs.`
  return json({
    uuid: id,
    hostname,
    nodes_moved: dead.moved,
    nodes_left: dead.left,
    tenures_ended: dead.tenures,
    warning: dead.hadRight ? warning : `${hostname} had no right to act any more; nothing was cut short.`,
  })
}

/** Its key is refused at the door first, then the hub ends its session. Again is no error. */
async function revoke(call: Call): Promise<Answer> {
  readQuery(call.search, [])
  const { id, site } = await findConductor(call, call.params['ident']!)
  await call.ports.store.directory.batch([
    {
      sql: 'UPDATE conductor_keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ? AND organisation = ?',
      args: [isoTime(call.ports.env.now()), id, call.principal.organisation],
    },
  ])
  await command(call, site, { kind: 'conductor.revoke', conductor: id })
  return empty(204)
}

export const conductorChangeRoutes: readonly Route[] = [
  {
    method: 'PATCH',
    path: '/v1/conductors/:ident',
    about: 'Changes the weight and labels of a conductor',
    patch: PATCHABLE,
    one: CONDUCTORS,
    run: patchConductor,
  },
  {
    method: 'DELETE',
    path: '/v1/conductors/:ident',
    about: 'Revokes a conductor: its key is refused from now on',
    run: revoke,
  },
  {
    method: 'POST',
    path: '/v1/conductors/:ident/drain',
    about: 'Has a conductor give its nodes away',
    ok: 202,
    run: drain(true),
  },
  {
    method: 'POST',
    path: '/v1/conductors/:ident/undrain',
    about: 'Lets a conductor have nodes again',
    ok: 202,
    run: drain(false),
  },
  {
    method: 'POST',
    path: '/v1/conductors/:ident/declare-dead',
    about: 'Says that a conductor is gone for good: others take its nodes at once',
    ok: 200,
    run: declareDead,
  },
]
