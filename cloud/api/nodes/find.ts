// From what a client calls a node (UUID or name) to its row, and from there to the one who may change it: the hub of its site.
import { FaultError } from '../../../shared/faults.ts'
import { isUuid } from '../../../shared/ids.ts'
import type { CommandResult, HubCommand } from '../../site-hub/commands.ts'
import { ifMatch } from '../conditions.ts'
import { empty, type Answer, type Call } from '../call.ts'
import { unlocked } from './lock.ts'

/** RFC 3986's unreserved characters; not like a UUID. */
export const NODE_NAME = /^[A-Za-z0-9._~-]{1,255}$/

export interface FoundNode {
  readonly uuid: string
  readonly site: string
}

/** Names came with 1.5. */
export const NAMED_SINCE = 5

/** Which column a client's identifier is compared with. Throws 400 on what can be neither; before names, 404 on what could be one. */
export function identColumn(ident: string, version: number): 'uuid' | 'name' {
  if (isUuid(ident)) return 'uuid'
  if (NODE_NAME.test(ident) && version < NAMED_SINCE) throw noNode(ident)
  if (!NODE_NAME.test(ident) || !isNameOf(version, ident))
    throw new FaultError('request.invalid', `Expected a UUID or a name, not "${ident}".`)
  return 'name'
}

/** Until 1.10 names were those of hosts (RFC 1123 §2.1), in small letters, with underscores behind the first dot. */
export function isNameOf(version: number, name: string): boolean {
  const [host = '', ...domains] = name.replace(/\.$/, '').split('.')
  return (
    version >= 10 ||
    (/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(host) &&
      domains.every((part) => /^[a-z0-9_-]{0,62}[a-z0-9]$/.test(part)))
  )
}

export function noNode(ident: string): FaultError {
  return new FaultError('not_found', `Node ${ident} could not be found.`)
}

export async function findNode(call: Call, ident: string): Promise<FoundNode> {
  const column = identColumn(ident, call.version)
  const [row] = await call.sql.all(`SELECT uuid, site FROM nodes WHERE ${column} = ? LIMIT 1`, [
    column === 'uuid' ? ident.toLowerCase() : ident,
  ])
  if (!row) throw noNode(ident)
  return { uuid: String(row[0]), site: String(row[1]) }
}

/** What a command is without its caller. */
export type Wanted = HubCommand extends infer C
  ? C extends HubCommand
    ? Omit<C, 'actor' | 'requestId' | 'ifMatch'>
    : never
  : never

/** Sends a command about what the request is about: its If-Match holds for it. Answers the command's value or throws its fault. */
export async function command(call: Call, site: string, wanted: Wanted): Promise<unknown> {
  const stamps = ifMatch(call.request.headers)
  return order(call, site, stamps === undefined ? wanted : { ...wanted, ifMatch: stamps })
}

type Ordered = Wanted & { ifMatch?: readonly string[] }

/** Sends a command to the hub of `site`, where the node is locked again when it is not; answers its value or throws its fault. */
export async function order(call: Call, site: string, wanted: Ordered): Promise<unknown> {
  return valueOf(await unlocked(call, site, wanted, () => sent(call, site, wanted)))
}

/** The same of what finds another node, or comes back by itself, when one is locked. */
export async function orderOnce(call: Call, site: string, wanted: Ordered): Promise<unknown> {
  return valueOf(await sent(call, site, wanted))
}

function sent(call: Call, site: string, wanted: Ordered): Promise<CommandResult> {
  const { organisation, actor } = call.principal
  return call.ports.hub.command({ organisation, site }, { ...wanted, actor, requestId: call.requestId })
}

function valueOf(result: CommandResult): unknown {
  if (!result.ok) throw FaultError.of(result.fault)
  return result.value
}

/** 202 of work that goes on: where below the node to watch it. */
export function underWay(call: Call, ident: string, watched = 'states'): Answer {
  return empty(202, { Location: `${call.base}/v1/nodes/${ident}/${watched}` })
}
