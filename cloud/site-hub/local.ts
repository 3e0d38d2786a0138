// What a person did at the site by break-glass while the cloud was not there. 1. It happened: it is recorded whoever owns the node now, and
// counts once by its id. 2. The node is in maintenance until somebody here has looked at it.
import type { FromConductor } from '../../shared/protocol.ts'
import { isoTime } from '../schema/rows.ts'
import type { Peer } from '../ports.ts'
import { speakerOf } from './state.ts'
import type { Turn } from './turn.ts'

/** Actions that a turn has drafted: no row shows them before it is stored. */
const heardIn = new WeakMap<Turn, Set<string>>()

export async function localAction(
  turn: Turn,
  peer: Peer,
  { action }: Extract<FromConductor, { type: 'local' }>,
): Promise<void> {
  const conductor = speakerOf(turn, peer, 'local')
  if (!conductor) return
  const heard = heardIn.get(turn) ?? new Set()
  heardIn.set(turn, heard)
  const known = `SELECT 1 FROM events WHERE node = ? AND type = 'node.local_action' AND body ->> '$.id' = ?`
  const isKnown = heard.has(action.id) || (await turn.sql.all(known, [action.node, action.id])).length > 0
  turn.send(peer, { type: 'settled', id: action.id })
  if (isKnown) return
  heard.add(action.id)
  const { hostname } = conductor.row
  const { action: what, target, at, by, outcome } = action
  const body = { ...action, at: isoTime(at), hostname, conductor: conductor.row.id }
  const how = outcome === undefined ? 'unknown' : outcome.ok ? 'done' : 'failed'
  turn.audit(`local.${what}`, action.node, how, body, `${by}@${hostname}`)
  if (!turn.state.nodes.has(action.node)) return
  turn.event('node.local_action', { node: action.node, body })
  const node = await turn.node(action.node)
  const done = [what, target].filter(Boolean).join(' ')
  const power =
    outcome?.ok && (outcome.value === 'power on' || outcome.value === 'power off') ? outcome.value : undefined
  turn.updateNode(node.uuid, {
    maintenance: true,
    maintenance_reason: `Local action at the site while the cloud was away: ${done} by ${by} at ${hostname}, ${isoTime(at)} (${how})${action.reason ? `: ${action.reason}` : ''}`,
    // A person's maintenance: a BMC that answers again does not end it.
    fault: null,
    spec_version: node.spec_version + 1,
    ...(what === 'power' ? { power_state: power ?? null } : {}),
  })
  turn.event('node.maintenance', { node: node.uuid, body: { on: true, reason: `local ${done}` } })
  turn.regrant.add(node.uuid)
}
