// Can the node's interfaces work with what it was given? Its conductor knows the drivers; what the instance wants of the node is looked up here.
// The same question is asked before a deployment and a change of power, so that what cannot work is refused and not begun.
import { FaultError, toFault } from '../../../shared/faults.ts'
import { refuseLacking, wantedTraits } from '../../instance-traits.ts'
import type { Call } from '../call.ts'
import { order, type FoundNode } from './find.ts'

/** Nobody but the conductor is asked: no BMC, no agent. */
const TIMEOUT_MS = 10_000

export interface Verdict {
  /** null: the driver lacks the interface. */
  readonly result: boolean | null
  readonly reason?: string
}

/** By interface; of one that its conductor says nothing about, nothing is known. */
export async function verdicts(call: Call, node: FoundNode): Promise<Record<string, Verdict>> {
  return verdictsOf(call, node, {})
}

/** `interfaces`: to be asked instead of those that the node uses now. */
async function verdictsOf(
  call: Call,
  { uuid, site }: FoundNode,
  more: { readonly interfaces?: unknown },
): Promise<Record<string, Verdict>> {
  const instanceInfo = await instanceOf(call, uuid)
  const args = { instance_info: instanceInfo, ...more }
  const about = { node: uuid, interface: 'node', method: 'validate', args, timeoutMs: TIMEOUT_MS }
  const answered = ((await order(call, site, { kind: 'call', ...about })) ?? {}) as Record<string, Verdict>
  const lacking = await lackingTraits(call, uuid, instanceInfo)
  if (lacking === undefined || answered['deploy']?.result === false) return answered
  return { ...answered, deploy: { result: false, reason: lacking } }
}

/** Nobody was there to say it, or is not any more. */
const UNANSWERED: ReadonlySet<string> = new Set(['site.no_conductor', 'lease.lapsed', 'fenced', 'timeout'])

/**
 * Throws 400 where one of the interfaces cannot work with what the node was given. Where no conductor can say that now, the work finds it
 * out: one that is about to be back keeps nobody from asking for it.
 */
export async function refuseInvalid(call: Call, node: FoundNode, interfaces: readonly string[]): Promise<void> {
  refuseWrong(node, interfaces, await ifAnswered(verdicts(call, node)))
}

/** The same of a deployment: what it will use is asked, which may be others than those of the instance that is there. */
export async function refuseUndeployable(call: Call, node: FoundNode): Promise<void> {
  const interfaces = await order(call, node.site, { kind: 'node.interfaces', node: node.uuid })
  const found = await ifAnswered(verdictsOf(call, node, { interfaces }))
  refuseWrong(node, ['power', 'deploy', 'network', 'storage'], found)
}

/**
 * The same of work for which the machine goes to another network (Ironic's validate_rescue, validate_inspection): there has to be one before its instance is
 * stopped for it.
 */
export async function refuseWithoutNetwork(call: Call, node: FoundNode, verb: string): Promise<void> {
  if (verb !== 'rescue' && verb !== 'inspect') return
  if ((await order(call, node.site, { kind: 'node.wired', node: node.uuid })) !== true) return
  const { inspect } = (await order(call, node.site, { kind: 'node.interfaces', node: node.uuid })) as Record<
    string,
    string
  >
  // What boots no machine needs no network.
  if (verb === 'inspect' && inspect !== 'agent') return
  const args = { work: verb === 'rescue' ? 'rescuing' : 'inspection' }
  const about = { node: node.uuid, interface: 'network', method: 'validate_work', args, timeoutMs: TIMEOUT_MS }
  const verdict = order(call, node.site, { kind: 'call', ...about }).then(
    (): Record<string, Verdict> => ({}),
    (error: unknown): Record<string, Verdict> => {
      if (UNANSWERED.has(toFault(error).code)) return {}
      return { network: { result: false, reason: toFault(error).message } }
    },
  )
  refuseWrong(node, ['network'], await verdict)
}

async function ifAnswered(asked: Promise<Record<string, Verdict>>): Promise<Record<string, Verdict>> {
  return asked.catch((error: unknown) => {
    if (UNANSWERED.has(toFault(error).code)) return {}
    throw error
  })
}

function refuseWrong(node: FoundNode, interfaces: readonly string[], found: Record<string, Verdict>): void {
  for (const name of interfaces) {
    const { result, reason = 'nothing more is known' } = found[name] ?? { result: true }
    if (result === false)
      throw new FaultError('request.invalid', `Failed to validate ${name} of node ${node.uuid}: ${reason}`, {
        hint: `correct driver_info or instance_info; GET /v1/nodes/${node.uuid}/validate tells what else is wrong`,
      })
  }
}

/** As everybody may see it. */
async function instanceOf(call: Call, uuid: string): Promise<Record<string, unknown>> {
  const [row] = await call.sql.all('SELECT instance_info FROM nodes WHERE uuid = ?', [uuid])
  return JSON.parse(String(row?.[0] ?? '{}')) as Record<string, unknown>
}

async function lackingTraits(call: Call, uuid: string, instanceInfo: unknown): Promise<string | undefined> {
  const wanted = wantedTraits(instanceInfo)
  if (wanted.length === 0) return undefined
  const has = await call.sql.all('SELECT trait FROM node_traits WHERE node = ?', [uuid])
  try {
    refuseLacking(
      uuid,
      wanted,
      has.map(([trait]) => String(trait)),
    )
    return undefined
  } catch (error) {
    return toFault(error).message
  }
}
