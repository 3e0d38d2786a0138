// What a conductor is told of its nodes: a grant each, in frames that are never too large. 1. A grant fits into a frame: a change that would
// make one larger is refused. 2. One that is larger all the same (a row from before, what a conductor found out) is withheld.
import { FaultError } from '../../shared/faults.ts'
import { bytesInFrame, MAX_FRAME_BYTES, Grant, type ToConductor } from '../../shared/protocol.ts'
import type { State } from '../../shared/states.ts'
import { withInstance } from '../provision/chosen-interface.ts'
import { instanceBoot } from '../provision/network-instance.ts'
import { isPowerWatched, POWER_FAILURE } from '../provision/power-watch.ts'
import { isWired, usedInterfaces } from '../provision/used-interfaces.ts'
import { usesVolumes } from '../provision/volumes.ts'
import type { NodeRow } from '../schema/rows.ts'
import { type Belongings, belongingsOf, grantedOf, NOTHING } from './belongings.ts'
import { withSealed } from './secrets.ts'
import { epochOf, type ConductorState } from './state.ts'
import type { Turn } from './turn.ts'

/** Room is left for the frame around it, and for what grows by itself: numbers, the address. */
const MAX_GRANT_BYTES = MAX_FRAME_BYTES - 4 * 1024

export interface SizedGrant {
  readonly grant: Grant
  /** In a frame. */
  readonly bytes: number
}

/** Why the grant cannot be sent; null: it can. */
export function tooLarge(grant: Grant, bytes = bytesInFrame(grant)): string | null {
  if (bytes <= MAX_GRANT_BYTES) return null
  const parts = (['driverInfo', 'properties', 'ports', 'portgroups', 'volumes', 'instanceBoot'] as const).map(
    (part) => `${NAMES[part]} ${bytesInFrame(grant[part] ?? {})}`,
  )
  return `what its conductor has to know of it does not fit into a message: ${bytes} bytes of ${MAX_GRANT_BYTES} (${parts.join(', ')})`
}

const NAMES = {
  driverInfo: 'driver_info',
  properties: 'properties',
  ports: 'ports',
  portgroups: 'portgroups',
  volumes: 'volumes',
  instanceBoot: 'what its instance boots',
} as const

/**
 * Refuses a node that has become too large by what is about to be stored, or would be with its instance deployed: what an instance boots is granted in
 * the middle of work. `before`: the node as it is, `changed`: what of its belongings will be otherwise.
 */
export async function refuseTooLarge(
  turn: Turn,
  before: NodeRow | null,
  after: NodeRow,
  changed: Partial<Belongings> = {},
): Promise<void> {
  const why = await whyTooLarge(turn, [asItIs, asDeployed], before, after, changed)
  if (why !== null)
    throw new FaultError('request.too_large', `Node ${after.uuid} is too large: ${why}.`, {
      hint: 'make properties or driver_info smaller (extra is not sent to conductors), or give the node fewer ports, portgroups or volumes',
    })
}

/** Why it would be too large as it is now; null: it may be stored. What its next instance takes is looked at when that is deployed. */
export function whyTooLargeNow(
  turn: Turn,
  before: NodeRow,
  after: NodeRow,
  changed: Partial<Belongings>,
): Promise<string | null> {
  return whyTooLarge(turn, [asItIs], before, after, changed)
}

type View = (turn: Turn, node: NodeRow) => NodeRow

async function whyTooLarge(
  turn: Turn,
  views: readonly View[],
  before: NodeRow | null,
  after: NodeRow,
  changed: Partial<Belongings>,
): Promise<string | null> {
  if (before === null && isFarFromLarge(after)) return null
  // Whoever makes one smaller that was too large, or changes what is not in it, is not in the way.
  const grown = views.filter((as) => {
    if (before === null || Object.keys(changed).length > 0) return true
    return (
      bytesInFrame(grantOf(turn, as(turn, after), NOTHING)) > bytesInFrame(grantOf(turn, as(turn, before), NOTHING))
    )
  })
  if (grown.length === 0) return null
  const all = [after.uuid]
  const stored = before === null ? NOTHING : (await belongingsOf(turn, all, { wired: all, stored: all }))(after.uuid)
  for (const as of grown) {
    const grant = grantOf(turn, as(turn, after), { ...stored, ...changed })
    const why = tooLarge(grant)
    const hasGrown = () =>
      before === null || bytesInFrame(grant) > bytesInFrame(grantOf(turn, as(turn, before), stored))
    if (why !== null && hasGrown()) return why
  }
  return null
}

/** A new node of which so little is said that its grant has room, whatever of it is said there twice, and masked or escaped. */
function isFarFromLarge({ name, driver_info, properties, instance_info, secrets, network_data }: NodeRow): boolean {
  const said = JSON.stringify([name, driver_info, properties, instance_info, secrets, network_data])
  return said.length < MAX_GRANT_BYTES / 16
}

const asItIs = (_: Turn, node: NodeRow): NodeRow => node

/** The node with the instance that it is to have now. */
export function asDeployed(turn: Turn, node: NodeRow): NodeRow {
  return { ...withInstance(turn, node), provision_state: 'active' satisfies State }
}

/** Frames' worth of grants; one that is empty where there are none, since the last says that all have been said. */
export function pagesOf(grants: readonly SizedGrant[]): Grant[][] {
  const pages: Grant[][] = [[]]
  let filled = 0
  for (const { grant, bytes } of grants) {
    if (filled + bytes > MAX_FRAME_BYTES / 2 && pages.at(-1)!.length > 0) {
      pages.push([])
      filled = 0
    }
    pages.at(-1)!.push(grant)
    filled += bytes
  }
  return pages
}

export function grantsMessage(
  turn: Turn,
  conductor: ConductorState,
  add: Grant[],
  drop: string[],
  last: boolean,
): ToConductor {
  return {
    type: 'grants',
    session: conductor.row.session,
    ringVersion: turn.state.site.ring_version,
    add,
    drop,
    last,
  }
}

/** Of nodes as they are after the drafts so far. */
export async function grantsOf(turn: Turn, uuids: readonly string[]): Promise<Grant[]> {
  const grants: Grant[] = []
  for (let i = 0; i < uuids.length; i += 500) {
    const some = uuids.slice(i, i + 500)
    await turn.prefetch(some)
    const rows: NodeRow[] = []
    for (const uuid of some) rows.push(await turn.node(uuid))
    const those = (matter: (turn: Turn, node: NodeRow) => boolean) =>
      rows.filter((node) => matter(turn, node)).map(({ uuid }) => uuid)
    const belongings = await belongingsOf(turn, some, { wired: those(isWired), stored: those(usesVolumes) })
    for (const node of rows) grants.push(grantOf(turn, node, belongings(node.uuid)))
  }
  return grants
}

/** What a driver keeps there of what a machine is to boot. */
function bootMemoryOf({ driver_internal_info: kept }: NodeRow): Pick<Grant, 'bootMemory'> {
  const memory = Grant.shape.bootMemory.safeParse(kept)
  return memory.data && Object.keys(memory.data).length > 0 ? { bootMemory: memory.data } : {}
}

function grantOf(turn: Turn, node: NodeRow, belongings: Belongings): Grant {
  const pool = turn.state.site.pool as { cidr: string; router?: string; dns?: string[] } | null
  const index = turn.state.nodes.get(node.uuid)
  const instance = instanceBoot(turn, node)
  return {
    node: node.uuid,
    epoch: index ? epochOf(turn.state, index) : 0,
    specVersion: node.spec_version,
    name: node.name,
    driver: node.driver,
    interfaces: { ...usedInterfaces(turn, node) },
    driverInfo: withSealed('driver_info', node.driver_info, node.secrets),
    properties: node.properties as Record<string, unknown>,
    ...grantedOf(belongings, isWired(turn, node)),
    address:
      node.boot_ip === null || pool === null
        ? null
        : {
            ip: node.boot_ip,
            prefixLength: Number(pool.cidr.split('/')[1]),
            ...(pool.router ? { router: pool.router } : {}),
            ...(pool.dns ? { dns: pool.dns } : {}),
          },
    powerSync: isPowerWatched(node),
    ...(instance && { instanceBoot: instance }),
    ...(node.fault === POWER_FAILURE ? { powerFault: true } : {}),
    ...bootMemoryOf(node),
    ...(node.console_enabled ? { consoleEnabled: true } : {}),
  }
}
