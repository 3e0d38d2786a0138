// The steps of each kind of task, as data. The cloud says what, the conductor knows how: a driver implements each
// (interface, step), fake-hardware instantly, a real one on hardware. Names are Ironic's where it has them.
// 1. At most one change of power per step, so that resuming at a step repeats none. 2. A cycle is off, then on, never `cycle`.
import type { Step } from '../shared/protocol.ts'

export type TaskKind = 'verify' | 'deploy' | 'rebuild' | 'clean' | 'tear-down' | 'undo' | 'power'

const step = (name: `${string}.${string}`, more: Partial<Omit<Step, 'interface' | 'step'>> = {}): Step => {
  const [iface, what] = name.split('.') as [string, string]
  return { interface: iface, step: what, args: {}, ...more }
}

const minute = 60_000

/** Boots the deploy ramdisk and waits until its agent has called. */
const bootRamdisk: readonly Step[] = [
  step('power.power_off'),
  step('boot.prepare_ramdisk'),
  step('management.set_boot_device', { args: { boot_device: 'pxe', persistent: false } }),
  step('power.power_on'),
  step('deploy.wait_agent', { waits: true, timeoutMs: 30 * minute }),
]

/** Ends the ramdisk and leaves the machine off. */
const endRamdisk: readonly Step[] = [
  step('deploy.tear_down_agent'),
  step('power.power_off'),
  step('boot.clean_up_ramdisk'),
]

const deploy: readonly Step[] = [
  ...bootRamdisk,
  step('deploy.write_image', { pointOfNoReturn: true, timeoutMs: 120 * minute }),
  step('deploy.write_configdrive', { timeoutMs: 10 * minute }),
  step('deploy.prepare_instance_boot'),
  ...endRamdisk,
  step('power.power_on'),
]

/**
 * After a task that boots the ramdisk and did not end well: a machine must not go on booting over the network, nor show its disk to
 * whoever comes next. What needs nobody's answer comes first, and the power before what a BMC may refuse.
 */
const undo: readonly Step[] = [
  step('boot.clean_up_ramdisk'),
  step('power.power_off'),
  step('management.set_boot_device', { args: { boot_device: 'disk', persistent: true } }),
]
/** Kinds that are followed by `undo` when they fail, are cancelled or run out of time. */
export const UNDONE: ReadonlySet<string> = new Set<TaskKind>(['deploy', 'rebuild', 'clean'])

export const PLANS: Record<Exclude<TaskKind, 'power'>, readonly Step[]> = {
  verify: [step('power.verify')],
  deploy,
  rebuild: deploy,
  clean: [...bootRamdisk, step('deploy.erase_devices_metadata', { timeoutMs: 60 * minute }), ...endRamdisk],
  'tear-down': [step('power.power_off'), step('boot.clean_up_instance')],
  undo,
}

/** Ironic's power targets and the steps of each; `after` is the power_state that is shown when it is done. */
export const POWER_PLANS = {
  'power on': { steps: [step('power.power_on')], after: 'power on' },
  'power off': { steps: [step('power.power_off')], after: 'power off' },
  'soft power off': { steps: [step('power.soft_power_off')], after: 'power off' },
  rebooting: { steps: [step('power.power_off'), step('power.power_on')], after: 'power on' },
  'soft rebooting': { steps: [step('power.soft_power_off'), step('power.power_on')], after: 'power on' },
} as const satisfies Record<string, { steps: readonly Step[]; after: 'power on' | 'power off' }>
export type PowerTarget = keyof typeof POWER_PLANS
