// Instances that their machine boots over the network at every start (deploy interface `ramdisk`, or a volume), instead of from its disk. 1. What it boots is part of its
// node's grant, for as long as the instance is there: whoever has the grant answers the machine. 2. Where work puts a machine back to what it was
// doing, that is its network boot, not its disk.
import type { DeploymentFacts, Step } from '../../shared/protocol.ts'
import { AGENT_CORE, type CoreStep } from '../../shared/core-steps.ts'
import type { State } from '../../shared/states.ts'
import { planStep, START_FROM_NETWORK } from '../plans.ts'
import type { NodeRow } from '../schema/rows.ts'
import { driverOf } from '../site-hub/drivers.ts'
import type { Turn } from '../site-hub/turn.ts'
import { bootOf, bootVolumeOf } from './deployed.ts'
import { usedInterfaces } from './used-interfaces.ts'

/** States in which an instance is there, or about to be. One that failed to come, or is going, is not booted. */
const IS_THERE: ReadonlySet<string> = new Set<State>([
  'deploying', 'wait call-back', 'deploy hold', 'active', 'rescuing', 'rescue wait', 'rescue', 'rescue failed', 'unrescuing', 'unrescue failed',
  'servicing', 'service wait', 'service hold', 'service failed',
]) // prettier-ignore

/** Of an instance on a volume, instead of what its deploy interface has: nothing is written, and no agent has a part in it. */
const FROM_VOLUME: DeploymentFacts = { core: ['boot_from_network' satisfies CoreStep] }

/** What a deployment of the node's instance is, by the deploy interface that it uses. */
export function deploymentOf(turn: Turn, node: NodeRow): DeploymentFacts {
  if (bootVolumeOf(node) !== undefined) return FROM_VOLUME
  const used = usedInterfaces(turn, node)['deploy'] ?? ''
  return driverOf(turn.state, node)?.deployments?.[used] ?? { core: [...AGENT_CORE] }
}

/** The fields for the node's grant; undefined: it boots its disk. */
export function instanceBoot(turn: Turn, node: NodeRow): Readonly<Record<string, string>> | undefined {
  if (!IS_THERE.has(node.provision_state) || !bootsFromNetwork(turn, node)) return undefined
  return bootOf(node)
}

/** What an `undo` has to know of it; nothing, where the machine boots its disk. */
export function undoContext(turn: Turn, node: NodeRow): Record<string, unknown> {
  return bootsFromNetwork(turn, node) ? { instance_info: bootOf(node) } : {}
}

/** The steps of work of that kind, for what the node's instance boots from. `undone`: of an `undo`, the kind of work that is undone. */
export function forInstance(
  turn: Turn,
  node: NodeRow,
  kind: string,
  steps: readonly Step[],
  undone?: string,
): readonly Step[] {
  if (!bootsFromNetwork(turn, node)) return steps
  switch (kind) {
    case 'tear-down':
      return [...steps, TO_DISK]
    case 'unrescue':
      return toNetwork(steps)
    case 'service':
      return steps.some(isOfRamdisk) ? [...steps.slice(0, -1), ...START_FROM_NETWORK] : steps
    case 'undo':
      if (undone === 'rescue' || undone === 'service') return toNetwork(steps)
      // Behind the power, as in a tear-down.
      return undone === 'deploy' || undone === 'rebuild'
        ? steps.toSpliced(1, 0, planStep('boot.clean_up_instance'))
        : steps
    default:
      return steps
  }
}

const TO_DISK = planStep('management.set_boot_device', { args: { boot_device: 'disk', persistent: true } })
const isOfRamdisk = ({ interface: iface, step }: Step) => iface === 'boot' && step === 'prepare_ramdisk'

function bootsFromNetwork(turn: Turn, node: NodeRow): boolean {
  const core: readonly string[] = deploymentOf(turn, node).core
  return core.includes('boot_from_network' satisfies CoreStep)
}

/** Instead of its disk the machine is set to its network boot. */
function toNetwork(steps: readonly Step[]): Step[] {
  const [prepare, setDevice] = START_FROM_NETWORK
  return steps.flatMap((step) =>
    `${step.interface}.${step.step}` === 'management.set_boot_device' ? [prepare!, setDevice!] : [step],
  )
}
