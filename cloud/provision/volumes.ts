// What the storage interface of a node makes of its volume targets. 1. Which of them an instance is booted from is settled when its deployment begins, and kept
// until it has gone. 2. Volumes are attached before an instance starts and let go of when it has ended, where the interface does that at all.
import type { StorageFacts, Step } from '../../shared/protocol.ts'
import { planStep } from '../plans.ts'
import { volumeTargets } from '../schema/organisation-resources.ts'
import type { NodeRow } from '../schema/rows.ts'
import { rowsWith } from '../site-hub/owned-rows.ts'
import { driverOf } from '../site-hub/drivers.ts'
import type { Turn } from '../site-hub/turn.ts'
import { BOOT_VOLUME } from './deployed.ts'
import { deploymentOf } from './network-instance.ts'
import { usedInterfaces } from './used-interfaces.ts'

/** The node, about to be deployed, with the volume that its machine is to boot (Ironic: `should_write_image` is false). */
export async function withBootVolume(turn: Turn, node: NodeRow): Promise<NodeRow> {
  const { image_source: image } = node.instance_info as Record<string, unknown>
  // Whoever writes no image, as for a ramdisk, has no use for another place to write it to.
  const writes = deploymentOf(turn, node).core.includes('write_image')
  if (!storageOf(turn, node).boots || !writes || (image !== undefined && image !== null)) return node
  const volume = (await targetsOf(turn, node)).find((target) => target['boot_index'] === 0)
  if (volume === undefined) return node
  const driver_internal_info = { ...(node.driver_internal_info as object), [BOOT_VOLUME]: volume.uuid }
  return { ...node, driver_internal_info }
}

/** The steps of work of that kind with those of the storage interface. */
export async function withVolumes(
  turn: Turn,
  node: NodeRow,
  kind: string,
  steps: readonly Step[],
): Promise<readonly Step[]> {
  const place = PLACES[kind]
  if (place === undefined || !(await attaches(turn, node))) return steps
  // Where others deploy nothing is begun for the instance; its power may have attached them all the same.
  if (kind !== 'tear-down' && deploymentOf(turn, node).core.length === 0) return steps
  const { step, at } = place
  return steps.toSpliced(at(steps), 0, planStep(step))
}

/**
 * A deployment attaches them behind the boot of its agent, which an earlier task may have left, else before its instance is booted; a tear-down lets go
 * of them when nobody boots from them any more.
 */
const PLACES: Readonly<Record<string, { step: `storage.${string}`; at: (steps: readonly Step[]) => number }>> = {
  deploy: { step: 'storage.attach_volumes', at: beforeInstance },
  rebuild: { step: 'storage.attach_volumes', at: beforeInstance },
  'tear-down': { step: 'storage.detach_volumes', at: (steps) => indexOf(steps, 'boot.clean_up_instance') + 1 },
}

function beforeInstance(steps: readonly Step[]): number {
  const agent = indexOf(steps, 'deploy.wait_agent')
  return agent === -1 ? Math.max(0, indexOf(steps, 'boot.prepare_instance')) : agent + 1
}

/** Likewise those that switch the power of an instance: Ironic has its volumes attached while it is on. */
export async function withPoweredVolumes(turn: Turn, node: NodeRow, steps: readonly Step[]): Promise<readonly Step[]> {
  if (node.provision_state !== 'active' || !(await attaches(turn, node))) return steps
  const on = steps.findIndex(({ step }) => step === 'power_on' || step === 'reset')
  return on === -1 ? [...steps, DETACH_IF_POSSIBLE] : steps.toSpliced(on, 0, planStep('storage.attach_volumes'))
}

/** The machine is off, whatever the storage says. */
const DETACH_IF_POSSIBLE = planStep('storage.detach_volumes', { args: { required: false } })

const indexOf = (steps: readonly Step[], name: string) =>
  steps.findIndex(({ interface: iface, step }) => `${iface}.${step}` === name)

/** Has the storage interface that the node uses, or its next instance asks for, anything to do with its volumes? */
export function usesVolumes(turn: Turn, node: NodeRow): boolean {
  const { storages = {} } = driverOf(turn.state, node) ?? {}
  const { storage_interface: asked } = node.instance_info as Record<string, unknown>
  return [usedInterfaces(turn, node)['storage'], asked].some((name) => Object.hasOwn(storages, String(name)))
}

async function attaches(turn: Turn, node: NodeRow): Promise<boolean> {
  return storageOf(turn, node).attaches && (await targetsOf(turn, node)).length > 0
}

const targetsOf = (turn: Turn, { uuid }: NodeRow) => rowsWith(turn, volumeTargets, 'node', uuid)

function storageOf(turn: Turn, node: NodeRow): StorageFacts {
  const used = usedInterfaces(turn, node)['storage'] ?? ''
  return driverOf(turn.state, node)?.storages?.[used] ?? { boots: false, attaches: false }
}
