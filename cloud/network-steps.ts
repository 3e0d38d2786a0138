// Where a plan puts the machine from one network to another: steps around those that boot it, for nodes whose network interface wires it (`neutron`).
// Pure: steps in, steps out. Names are Ironic's methods. 1. A network changes while the machine is off, but for the ramdisk of a rescue, which stays. 2. A
// deployment's change to the networks of its instance is a core step of its own (plans.ts).
import type { Step } from '../shared/protocol.ts'
import { planStep } from './plans.ts'

/** Ironic's word for the network of that kind of work. */
const NETWORK_OF: Readonly<Record<string, string>> = {
  deploy: 'provisioning',
  rebuild: 'provisioning',
  clean: 'cleaning',
  inspect: 'inspection',
  rescue: 'rescuing',
  unrescue: 'rescuing',
  service: 'servicing',
}
/** An instance is there before and after. */
const KEEPS_INSTANCE: ReadonlySet<string> = new Set(['rescue', 'unrescue', 'service'])

const STARTS_INSTANCE = ['boot.prepare_instance', 'boot.prepare_installer']

const add = (network: string) => planStep(`network.add_${network}_network`)
const remove = (network: string) => planStep(`network.remove_${network}_network`)
const CONFIGURE = planStep('network.configure_tenant_networks')
const UNCONFIGURE = planStep('network.unconfigure_tenant_networks')

/**
 * Of a machine with a smart NIC, whose agent does the wiring and needs the machine's power (Ironic's `need_power_on`): it is on while its networks change. That
 * it may boot meanwhile harms nobody: it is on no network, or on the one that it is leaving.
 */
export function poweredForNetworks(steps: readonly Step[]): Step[] {
  let off = false
  return steps.flatMap((step, i) => {
    if (is(step, 'power.power_off')) off = true
    if (is(step, 'power.power_on')) off = false
    if (!off || step.interface !== 'network') return [step]
    const isFirst = steps[i - 1]?.interface !== 'network'
    const isLast = steps[i + 1]?.interface !== 'network'
    return [...(isFirst ? [planStep('power.power_on')] : []), step, ...(isLast ? [planStep('power.power_off')] : [])]
  })
}

/** `undone`: of an `undo`, the kind of work that is undone. */
export function withNetworks(kind: string, steps: readonly Step[], undone?: string): readonly Step[] {
  if (kind === 'tear-down') return steps.length === 0 ? steps : [...steps, UNCONFIGURE]
  if (kind === 'undo') return [...steps, ...undoing(undone)]
  const network = NETWORK_OF[kind]
  if (network === undefined) return steps
  const boots = steps.some((step) => is(step, 'boot.prepare_ramdisk'))
  return steps.flatMap((step) => {
    if (is(step, 'boot.prepare_ramdisk'))
      return [...(kind === 'rebuild' || KEEPS_INSTANCE.has(kind) ? [UNCONFIGURE] : []), add(network), step]
    // Of an instance that boots over the network, or is installed by what does, at its deployment: it is where it will be.
    if (STARTS_INSTANCE.some((name) => is(step, name)) && !boots && (kind === 'deploy' || kind === 'rebuild'))
      return [CONFIGURE, step]
    if (is(step, 'rescue.rescue')) return [step, remove(network), CONFIGURE]
    if (is(step, 'boot.clean_up_ramdisk') && kind !== 'deploy' && kind !== 'rebuild')
      return [step, remove(network), ...(KEEPS_INSTANCE.has(kind) ? [CONFIGURE] : [])]
    return [step]
  })
}

/** Last of all: the machine is off and set to its disk by then, and Neutron may be away. */
function undoing(kind: string | undefined): Step[] {
  const network = NETWORK_OF[kind ?? '']
  if (network === undefined) return []
  if (KEEPS_INSTANCE.has(kind!)) return [remove(network), CONFIGURE]
  return kind === 'deploy' || kind === 'rebuild' ? [remove(network), UNCONFIGURE] : [remove(network)]
}

function is(step: Step, name: string): boolean {
  return `${step.interface}.${step.step}` === name
}
