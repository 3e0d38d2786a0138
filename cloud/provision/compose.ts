// The steps of the work that a verb begins, from what the node's driver offers and what the verb was given. Reads templates, runbooks and
// traits; changes nothing. Throws what the API answers with; `problem` is what Ironic accepts and lets fail (unknown steps).
import { FaultError } from '../../shared/faults.ts'
import type { OfferedStep, Step } from '../../shared/protocol.ts'
import { refuseLacking, wantedTraits } from '../instance-traits.ts'
import type { CoreStep } from '../../shared/core-steps.ts'
import { withCallbacks } from '../callbacks.ts'
import { CORE_DEPLOY, INSPECT_BY_AGENT, PLANS, planStep, type PlannedKind } from '../plans.ts'
import { deployTemplates, nodeTraits, runbooks } from '../schema/organisation-resources.ts'
import { marks, select, type NodeRow } from '../schema/rows.ts'
import type { ProvisionArgs } from '../site-hub/commands.ts'
import type { Turn } from '../site-hub/turn.ts'
import {
  aroundRamdisk,
  type AskedStep,
  automatedSteps,
  type ChosenStep,
  deployPlan,
  deploySteps,
  impossible,
  manualSteps,
  refuseDenied,
} from '../step-selection.ts'

import { withChildren } from './children.ts'
import { isFastTracked, takenOver, type TakenOver } from './fast-track.ts'
import { deploymentOf, forInstance } from './network-instance.ts'
import { keepOn, offers, stepsFor } from './offers.ts'
import { onNetworks } from './on-networks.ts'
import { isWired, refuseUnknownInterfaces, usedInterfaces } from './used-interfaces.ts'
import { withVolumes } from './volumes.ts'

export type WorkKind = PlannedKind | 'service'

export interface Composed {
  readonly steps: readonly Step[]
  /** Why none of it can be done: it is to fail before it changes anything. */
  readonly problem?: string | undefined
  /** An agent is there already, so that this much of it is done. */
  readonly taken?: TakenOver | undefined
}

export async function compose(turn: Turn, node: NodeRow, kind: WorkKind, args: ProvisionArgs = {}): Promise<Composed> {
  const composed = await composeFor(turn, node, kind, args)
  const atVolumes = await withVolumes(turn, node, kind, forInstance(turn, node, kind, composed.steps))
  const wired = stepsFor(node, await onNetworks(turn, node, kind, atVolumes))
  const steps = withCallbacks(kind, wired, turn.state.site)
  const problem = composed.problem ?? lacksAgent(turn, node, steps)
  return { ...composed, steps, problem, taken: await takenOver(turn, node, kind, steps) }
}

/** Why an agent cannot do its part; undefined when it can, or has none. */
function lacksAgent(turn: Turn, node: NodeRow, steps: readonly Step[]): string | undefined {
  if (deploymentOf(turn, node).agent !== false || !steps.some(({ step }) => step === 'wait_agent')) return undefined
  return "it takes an agent, and none is booted with the node's deploy interface"
}

async function composeFor(turn: Turn, node: NodeRow, kind: WorkKind, args: ProvisionArgs): Promise<Composed> {
  switch (kind) {
    case 'deploy':
    case 'rebuild':
      return deployment(turn, node, args)
    case 'clean':
      return args.steps || args.runbook ? listed(turn, node, kind, args) : cleaning(turn, node)
    case 'service': {
      const { steps, problem } = await listed(turn, node, kind, args)
      return { steps: [...steps, planStep('power.power_on')], problem }
    }
    case 'verify': {
      const more = automatedSteps(offers(turn, node, 'verify') ?? [], 'verify')
      return { steps: [...PLANS.verify, ...aroundRamdisk(more, { disableRamdisk: true })] }
    }
    case 'tear-down':
      // A deployment that did nothing to the machine leaves nothing to take away.
      return { steps: deploymentOf(turn, node).core.length === 0 ? [] : PLANS[kind] }
    case 'inspect':
      return { steps: usedInterfaces(turn, node)['inspect'] === 'agent' ? INSPECT_BY_AGENT : PLANS.inspect }
    default:
      return { steps: PLANS[kind] }
  }
}

async function deployment(turn: Turn, node: NodeRow, args: ProvisionArgs): Promise<Composed> {
  refuseUnknownInterfaces(turn, node)
  const offered = offers(turn, node, 'deploy')
  const core = coreOf(turn, node)
  const { agentSteps = false } = deploymentOf(turn, node)
  const chosen = deploySteps(offered ?? [], args.steps ?? [], await templateSteps(turn, node), core)
  keepOn(node, chosen)
  return composed(node, deployPlan(chosen), chosen, offered, {
    hasAgent: core.includes('boot_agent'),
    agentSteps,
  })
}

/** Of the deploy interface. Throws where a conductor is newer than this and has core steps that nothing is known of. */
function coreOf(turn: Turn, node: NodeRow): readonly CoreStep[] {
  const { core } = deploymentOf(turn, node)
  const unknown = core.filter((name) => !Object.hasOwn(CORE_DEPLOY, name))
  if (unknown.length > 0)
    throw new FaultError(
      'driver.unsupported',
      `The deploy interface of node ${node.uuid} needs ${unknown.join(', ')}, which this cloud does not know yet.`,
    )
  return wiredCore(core as CoreStep[], isWired(turn, node))
}

/** Where an agent has worked on the machine, and its network interface wires it, it goes to the networks of its instance before that is started. */
function wiredCore(core: readonly CoreStep[], wired: boolean): readonly CoreStep[] {
  return wired && core.includes('boot_agent') ? [...core, 'switch_to_tenant_network'] : core
}

/** Ironic's automated cleaning: the node's runbook, else what the driver does between tenants, unless the node, or its site, is not to be cleaned by itself. */
async function cleaning(turn: Turn, node: NodeRow): Promise<Composed> {
  if (!(node.automated_clean ?? turn.state.site.automated_clean)) return { steps: [] }
  const { cleaning_runbook: runbook } = node.driver_info as { cleaning_runbook?: unknown }
  if (runbook) return ofRunbook(turn, node, String(runbook))
  const offered = offers(turn, node, 'clean')
  const leaveAgent = isFastTracked(turn, node)
  return { steps: offered ? aroundRamdisk(automatedSteps(offered, 'clean'), { leaveAgent }) : PLANS.clean }
}

/** Nobody may be there to hear that it cannot be done: the cleaning fails. */
async function ofRunbook(turn: Turn, node: NodeRow, runbook: string): Promise<Composed> {
  try {
    return await listed(turn, node, 'clean', { runbook })
  } catch (error) {
    if (!(error instanceof FaultError)) throw error
    return { steps: [], problem: error.fault.message }
  }
}

async function listed(turn: Turn, node: NodeRow, kind: 'clean' | 'service', args: ProvisionArgs): Promise<Composed> {
  const book = args.runbook === undefined ? undefined : await runbookOf(turn, node, args.runbook)
  const offered = offers(turn, node, kind)
  const disabled = args.disableRamdisk ?? book?.disableRamdisk ?? false
  const asked = book?.steps ?? args.steps ?? []
  if (asked.length === 0) throw new FaultError('request.invalid', `The verb ${kind} needs at least one step.`)
  refuseDenied(asked)
  const family = await withChildren(turn, node, kind, asked)
  const chosen = manualSteps(offered ?? [], family.steps)
  keepOn(node, chosen)
  const leaveAgent = kind === 'clean' && isFastTracked(turn, node)
  const { steps, problem } = composed(
    node,
    aroundRamdisk(chosen, { disableRamdisk: disabled, leaveAgent }),
    chosen,
    offered,
    { disableRamdisk: disabled },
  )
  return { steps, problem: problem ?? family.problem }
}

function composed(
  node: NodeRow,
  steps: readonly Step[],
  chosen: readonly ChosenStep[],
  offered: readonly OfferedStep[] | undefined,
  limits: { readonly disableRamdisk?: boolean; readonly hasAgent?: boolean; readonly agentSteps?: boolean },
): Composed {
  return { steps, problem: offered && impossible(chosen, { driver: node.driver, ...limits }) }
}

/** Steps of the deploy templates that the instance's traits name (Ironic: a template is called like a trait). */
async function templateSteps(turn: Turn, node: NodeRow): Promise<AskedStep[]> {
  const wanted = wantedTraits(node.instance_info)
  if (wanted.length === 0) return []
  refuseLacking(node.uuid, wanted, await traitsOf(turn, node))
  const found = await select(turn.sql, deployTemplates, `name IN (${marks(wanted.length)}) ORDER BY name`, wanted)
  return found.flatMap(({ steps }) => steps as AskedStep[])
}

async function traitsOf(turn: Turn, { uuid }: NodeRow): Promise<string[]> {
  return (await select(turn.sql, nodeTraits, 'node = ?', [uuid])).map(({ trait }) => trait)
}

/** The runbook, for a node that has its trait: before it had traits of its own, its name was the trait. */
async function runbookOf(
  turn: Turn,
  node: NodeRow,
  ident: string,
): Promise<{ steps: AskedStep[]; disableRamdisk: boolean }> {
  const [book] = await select(turn.sql, runbooks, 'uuid = ? OR name = ?', [ident.toLowerCase(), ident])
  if (!book) throw new FaultError('not_found', `Runbook ${ident} could not be found.`)
  const own = book.traits as string[]
  const has = await traitsOf(turn, node)
  if (!(own.length > 0 ? own : [book.name]).some((trait) => has.includes(trait)))
    throw new FaultError(
      'request.invalid',
      `Runbook ${book.name} is not approved for node ${node.uuid}: the node has none of its traits.`,
    )
  return { steps: book.steps as AskedStep[], disableRamdisk: book.disable_ramdisk }
}

/** Has the node an implementation of the interface that does something? */
export function hasInterface(turn: Turn, node: NodeRow, iface: string): boolean {
  const used = usedInterfaces(turn, node)[iface]
  return used !== undefined && used !== `no-${iface}`
}
