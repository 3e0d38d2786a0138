// Which steps a task has, out of what its driver offers and what somebody asks for (Ironic's rules, docs/reference/plans.md). Pure:
// facts in, steps out. 1. Of two sources that name the same step, the earlier wins: the request, then templates, then the driver.
// 2. The highest priority comes first; 0 switches a step off. 3. A list that a person wrote keeps its order.
import { FaultError } from '../shared/faults.ts'
import { AGENT_CORE, type CoreStep } from '../shared/core-steps.ts'
import type { OfferedStep, Step } from '../shared/protocol.ts'
import { wrongArguments } from '../shared/step-arguments.ts'
import { BOOT_RAMDISK, CHOSEN_MS, CORE_DEPLOY, END_RAMDISK, planStep } from './plans.ts'

/** A step as a request, a template or a runbook names it. */
export interface AskedStep {
  readonly interface: string
  readonly step: string
  readonly args?: Record<string, unknown>
  readonly priority?: number
  readonly order?: number
  /** It is done on the children of the node, or on these of them (UUIDs or names), not on the node. */
  readonly execute_on_child_nodes?: boolean
  readonly limit_child_node_execution?: readonly string[]
  /** Those children, found. */
  readonly children?: readonly string[]
}

/** A step of a list, as the hub keeps it: one with `children` is done on those nodes. */
export type ListStep = Step & { readonly children?: readonly string[] }

/** A step with its place in the list and what is known of it; `offer` is undefined where no driver said that it has it. */
export interface ChosenStep {
  readonly interface: string
  readonly step: string
  readonly args: Record<string, unknown>
  readonly priority: number
  readonly offer?: OfferedStep
  /** The plan steps that a core step is. */
  readonly core?: readonly Step[]
  readonly children?: readonly string[]
}

/** Usable in every list with any interface. */
export const RESERVED: ReadonlySet<string> = new Set(['power_on', 'power_off', 'reboot', 'hold', 'wait'])
/** Of these, what children can be told. */
const ON_CHILDREN: ReadonlySet<string> = new Set(['power_on', 'power_off', 'reboot'])
/** Never at a client's wish: raw bytes to a BMC can do anything. */
const DENIED: ReadonlySet<string> = new Set(['vendor.send_raw'])
/** Steps of one task at most: more do not fit into a message. */
const MAX_STEPS = 100

/** Ironic's order of interfaces at the same priority, first to last. */
const TIES = ['vendor', 'power', 'management', 'firmware', 'deploy', 'bios', 'raid']
const VERIFY_TIES = [
  'power',
  'management',
  'firmware',
  'inspect',
  'deploy',
  'boot',
  'bios',
  'raid',
  'vendor',
  'network',
]

const keyOf = ({ interface: iface, step }: { interface: string; step: string }) => `${iface}.${step}`
const invalid = (message: string) => new FaultError('request.invalid', message)

/** Refuses what no client may ask for, wherever the list comes from. */
export function refuseDenied(steps: readonly AskedStep[]): void {
  const denied = steps.find((step) => DENIED.has(keyOf(step)))
  if (denied) throw invalid(`The step ${keyOf(denied)} is not allowed through the API.`)
}

/** A deployment: the core steps of the deploy interface, the driver's, those of templates and of the request. Throws for a list that cannot be carried out. */
export function deploySteps(
  offered: readonly OfferedStep[],
  asked: readonly AskedStep[],
  templates: readonly AskedStep[] = [],
  has: readonly CoreStep[] = AGENT_CORE,
): ChosenStep[] {
  const core = has.map((name) => {
    const { is, ...step } = CORE_DEPLOY[name]
    return { ...step, interface: 'deploy', args: {}, core: is }
  })
  const chosen = new Map<string, ChosenStep>(core.map((each) => [keyOf(each), each]))
  for (const offer of offered) {
    const key = keyOf(offer)
    if (!chosen.has(key))
      chosen.set(key, { interface: offer.interface, step: offer.step, args: {}, priority: offer.priority, offer })
  }
  const twice = templates.find((step, i) => templates.findIndex((other) => keyOf(other) === keyOf(step)) !== i)
  if (twice) throw invalid(`More than one deploy template of this node has the step ${keyOf(twice)}.`)
  for (const source of [templates, asked]) {
    refuseDenied(source)
    for (const step of source) {
      const known = chosen.get(keyOf(step))
      const { args = {}, priority = known?.priority ?? 0 } = step
      if (keyOf(step) === 'deploy.deploy' && priority !== 0)
        throw invalid('The core step deploy.deploy can not be replaced, only switched off by priority 0.')
      if (known?.core && Object.keys(args).length > 0)
        throw invalid(`The step ${keyOf(step)} takes no arguments: they come from instance_info.`)
      if (known?.offer) checkArguments(known.offer, args)
      if (known?.offer) checkValues(known.offer, args)
      const repeated = RESERVED.has(step.step) ? `${keyOf(step)} ${chosen.size}` : keyOf(step)
      chosen.set(repeated, { ...known, interface: step.interface, step: step.step, args, priority })
    }
  }
  return sorted(
    [...chosen.values()].filter(({ priority }) => priority > 0),
    TIES,
  )
}

/** What is done without being asked for: automated cleaning, verification. */
export function automatedSteps(offered: readonly OfferedStep[], kind: 'clean' | 'verify'): ChosenStep[] {
  const wanted = offered.filter(({ priority }) => priority > 0)
  const steps = wanted.map((offer) => chosenOf(offer, offered))
  return sorted(steps, kind === 'verify' ? VERIFY_TIES : TIES)
}

/** A list that a person wrote, or a runbook: in its order. Throws for arguments that a step cannot have. */
export function manualSteps(offered: readonly OfferedStep[], asked: readonly AskedStep[]): ChosenStep[] {
  refuseDenied(asked)
  const inOrder = asked.toSorted((a, b) => (a.order ?? 0) - (b.order ?? 0))
  const chosen = inOrder.map((step) => chosenOf(step, offered))
  for (const { offer, args } of chosen) if (offer) checkValues(offer, args)
  return chosen
}

/** Why these steps cannot be carried out by a driver that told what it offers; undefined when they can. */
export function impossible(
  all: readonly ChosenStep[],
  options: { driver: string; disableRamdisk?: boolean | undefined; hasAgent?: boolean; agentSteps?: boolean },
): string | undefined {
  const steps = all.filter(({ children }) => children === undefined)
  const mayBeAgents = (step: ChosenStep) => options.agentSteps === true && step.interface === 'deploy'
  const unknown = steps.filter(isUnknown).filter((step) => !mayBeAgents(step))
  if (unknown.length > 0)
    return `driver ${options.driver} does not have the steps ${unknown.map(keyOf).join(', ')} with the node's interfaces`
  const inBand = steps.filter(needsRamdisk)
  const alone = all.filter((step, i) => isUnknown(step) && mayBeAgents(step) && !isInRamdisk(all, i))
  if (alone.length > 0)
    return `${alone.map(keyOf).join(', ')} needs an agent, which is there between deploy.deploy and deploy.tear_down_agent only`
  if (options.disableRamdisk && inBand.length > 0)
    return `${inBand.map(keyOf).join(', ')} cannot be done without a ramdisk, and it is disabled`
  if (options.hasAgent === false && inBand.length > 0)
    return `${inBand.map(keyOf).join(', ')} cannot be done: no agent is booted with the node's deploy interface`
  for (const { offer, args } of steps) {
    if (!offer) continue
    try {
      checkArguments(offer, args)
    } catch (error) {
      return (error as Error).message
    }
  }
  return undefined
}

/** No driver has said that it has it. */
function isUnknown({ offer, core, step, children }: ChosenStep): boolean {
  return !offer && !core && !children && !RESERVED.has(step)
}

/** Why a child cannot do the step; undefined when it can. `offered`: what its own driver has. */
export function impossibleForChild(
  { interface: iface, step, args = {} }: AskedStep,
  offered: readonly OfferedStep[],
): string | undefined {
  const name = `${iface}.${step}`
  if (ON_CHILDREN.has(step)) return undefined
  if (RESERVED.has(step)) return `the step ${name} can not be done on child nodes`
  const offer = offered.find((each) => keyOf(each) === name)
  if (!offer) return `it does not have the step ${name}`
  if (offer.requires_ramdisk !== false) return `the step ${name} needs an agent on it, and child nodes boot none`
  try {
    checkArguments(offer, args)
  } catch (error) {
    return (error as Error).message
  }
  return undefined
}

/** The steps of a child's task. */
export function stepsOfChild(given: ListStep): Step[] {
  const { children: _children, ...step } = given
  if (step.step === 'reboot') return [planStep('power.power_off'), planStep('power.power_on')]
  return [ON_CHILDREN.has(step.step) ? planStep(`power.${step.step}`) : step]
}

/** Does it need an agent on the machine? What nobody knows is taken for a step of the agent. */
export function needsRamdisk({ offer, step, core, children }: ChosenStep): boolean {
  if (core || children) return false // it brings its own, or has no use for one of the node
  return offer ? offer.requires_ramdisk !== false : !RESERVED.has(step)
}

/** A deployment's list as a task's. */
export function deployPlan(steps: readonly ChosenStep[]): Step[] {
  const agents = steps.filter((step) => step.interface === 'deploy' && isUnknown(step)).map(({ step }) => step)
  const plan = steps.flatMap((step, i) => planOf(step, isInRamdisk(steps, i)))
  return bounded(agents.length === 0 ? plan : plan.map((step) => (isAwaiting(step) ? asking(step, agents) : step)))
}

const isAwaiting = ({ interface: iface, step }: Step) => iface === 'deploy' && step === 'wait_agent'

/** The agent is asked for steps that only it can know, before anything is done by it. */
function asking(step: Step, agents: readonly string[]): Step {
  return { ...step, args: { ...step.args, steps: [...new Set(agents)] } }
}

/** Is the agent there: behind the core step that awaits it, and before the one that ends it? */
function isInRamdisk(steps: readonly ChosenStep[], i: number): boolean {
  const place = (part: string) => steps.findIndex(({ core }) => core?.some(({ step }) => step === part))
  const [from, to] = [place('wait_agent'), place('tear_down_agent')]
  return from !== -1 && i > from && (to === -1 || i < to)
}

/** Boots the ramdisk around steps that need it, and ends it, unless its agent is left for what comes next. */
export function aroundRamdisk(
  steps: readonly ChosenStep[],
  { disableRamdisk = false, leaveAgent = false }: { disableRamdisk?: boolean; leaveAgent?: boolean } = {},
): Step[] {
  const needed = !disableRamdisk && steps.some(needsRamdisk)
  const whole = steps.flatMap((step) => planOf(step, needed))
  return bounded(needed ? [...BOOT_RAMDISK, ...whole, ...(leaveAgent ? [] : END_RAMDISK)] : whole)
}

function bounded(steps: Step[]): Step[] {
  if (steps.length > MAX_STEPS) throw invalid(`The list is longer than ${MAX_STEPS} steps.`)
  return steps
}

/** A chosen step as a task's. One that an agent works on waits for it, so that it can be aborted meanwhile. */
function planOf(chosen: ChosenStep, isInRamdisk: boolean): Step[] {
  const { interface: iface, step, args, priority, offer, core, children } = chosen
  const at = priority > 0 ? { priority } : {}
  if (children)
    return [{ ...planStep(`${iface}.${step}`, { args, timeoutMs: CHOSEN_MS, ...at }), children } as ListStep]
  if (core) return core.map((part) => ({ ...part, ...at }))
  if (step === 'reboot') return startAgain(isInRamdisk, at)
  if (step === 'power_on') return isInRamdisk ? startAgain(isInRamdisk, at) : [planStep('power.power_on', at)]
  if (step === 'power_off') return [planStep('power.power_off', at)]
  if (step === 'hold') return [planStep(`${iface}.hold`, at)]
  if (step === 'wait') return [planStep(`${iface}.wait`, { args, waits: true, timeoutMs: CHOSEN_MS, ...at })]
  const waits = needsRamdisk(chosen) ? { waits: true, abortable: offer?.abortable === true } : {}
  const all = { args, timeoutMs: offer?.timeoutMs ?? CHOSEN_MS, ...at }
  const itself = planStep(`${iface}.${step}`, { ...all, ...waits })
  if (offer?.restart === undefined) return [itself]
  return [itself, ...startAgain(isInRamdisk, at), planStep(`${iface}.${offer.restart}`, all)]
}

/** A machine that comes up again amid the ramdisk's work is to come up in the ramdisk. */
function startAgain(isInRamdisk: boolean, at: Partial<Step>): Step[] {
  if (isInRamdisk) return BOOT_RAMDISK.map((part) => ({ ...part, ...at }))
  return [planStep('power.power_off', at), planStep('power.power_on', at)]
}

function chosenOf(step: AskedStep, offered: readonly OfferedStep[]): ChosenStep {
  const offer = offered.find((each) => keyOf(each) === keyOf(step))
  const { interface: iface, step: name, args = {}, children } = step
  const priority = step.priority ?? offer?.priority ?? 0
  const chosen = { interface: iface, step: name, args, priority, ...(children && { children }) }
  return offer ? { ...chosen, offer } : chosen
}

function sorted(steps: ChosenStep[], ties: readonly string[]): ChosenStep[] {
  const rank = ({ interface: iface }: ChosenStep) => (ties.includes(iface) ? ties.indexOf(iface) : ties.length)
  return steps.toSorted((a, b) => b.priority - a.priority || rank(a) - rank(b))
}

function checkArguments(offer: OfferedStep, args: Readonly<Record<string, unknown>>): void {
  const known = offer.argsinfo ?? {}
  const unexpected = Object.keys(args).filter((name) => !Object.hasOwn(known, name))
  const missing = Object.entries(known).filter(([name, { required }]) => required && !Object.hasOwn(args, name))
  if (unexpected.length > 0) throw invalid(`The step ${keyOf(offer)} does not take ${unexpected.join(', ')}.`)
  if (missing.length > 0) throw invalid(`The step ${keyOf(offer)} needs ${missing.map(([name]) => name).join(', ')}.`)
}

/** Names that there are not and those that are missing are another's business. */
function checkValues(offer: OfferedStep, args: Readonly<Record<string, unknown>>): void {
  const why = wrongArguments(keyOf(offer), args)
  if (why !== undefined) throw invalid(`The step ${keyOf(offer)} cannot have these arguments: ${why}.`)
}
