// The steps of each kind of task, as data. The cloud says what, the conductor knows how: a driver implements each
// (interface, step), fake-hardware instantly, a real one on hardware. Names are Ironic's where it has them.
// 1. At most one change of power per step, so that resuming at a step repeats none. 2. A cycle is off, then on, never `cycle`.
import { AGENT_CORE, type CoreStep } from '../shared/core-steps.ts'
import type { Step } from '../shared/protocol.ts'

export type TaskKind =
  | 'verify'
  | 'deploy'
  | 'rebuild'
  | 'clean'
  | 'tear-down'
  | 'undo'
  | 'power'
  | 'inspect'
  | 'adopt'
  | 'rescue'
  | 'unrescue'
  | 'service'
  | 'settings'
  | 'vendor'
  | 'child'
/** Kinds whose steps depend on nothing but the kind. */
export type PlannedKind = Exclude<TaskKind, 'power' | 'service' | 'settings' | 'vendor' | 'child'>

export const planStep = (name: `${string}.${string}`, more: Partial<Omit<Step, 'interface' | 'step'>> = {}): Step => {
  const [iface, what] = name.split('.') as [string, string]
  return { interface: iface, step: what, args: {}, ...more }
}
const step = planStep

const minute = 60_000

/** Boots the deploy ramdisk and waits until its agent has called: in the work of a node as long as its site says (callbacks.ts). */
export const BOOT_RAMDISK: readonly Step[] = [
  step('power.power_off'),
  step('boot.prepare_ramdisk'),
  step('management.set_boot_device', { args: { boot_device: 'pxe', persistent: false } }),
  step('power.power_on'),
  step('deploy.wait_agent', { waits: true, timeoutMs: 30 * minute }),
]

/** Ends the ramdisk and leaves the machine off. */
export const END_RAMDISK: readonly Step[] = [
  step('deploy.tear_down_agent'),
  step('power.power_off'),
  step('boot.clean_up_ramdisk'),
]

/** Boots an installer of an operator, waits until it has installed the instance, and starts that. Removes what `BOOT_RAMDISK` would leave as well. */
const BOOT_INSTALLER: readonly Step[] = [
  step('power.power_off'),
  step('boot.prepare_installer'),
  step('management.set_boot_device', { args: { boot_device: 'pxe', persistent: false } }),
  step('power.power_on'),
  step('deploy.wait_installer', { waits: true, timeoutMs: 240 * minute }),
  step('boot.clean_up_ramdisk'),
  step('deploy.prepare_instance_boot'),
  step('power.power_on'),
]

/** Has the machine boot its instance over the network, at this start and at each that follows (ADR 7), and starts it. */
export const START_FROM_NETWORK: readonly Step[] = [
  step('boot.prepare_instance'),
  step('management.set_boot_device', { args: { boot_device: 'pxe', persistent: true } }),
  step('power.power_on'),
]

/**
 * The core steps of a deployment, by the names with which a deploy interface says that it has them: Ironic's step and priority, and the steps that
 * each is here (docs/adr/0005). Other steps find their place between them by their own priority.
 */
export const CORE_DEPLOY: Readonly<
  Record<CoreStep, { readonly step: string; readonly priority: number; readonly is: readonly Step[] }>
> = {
  boot_agent: { step: 'deploy', priority: 100, is: BOOT_RAMDISK },
  write_image: {
    step: 'write_image',
    priority: 80,
    is: [
      step('deploy.write_image', { pointOfNoReturn: true, timeoutMs: 120 * minute }),
      step('deploy.write_configdrive', { timeoutMs: 10 * minute }),
    ],
  },
  prepare_instance_boot: { step: 'prepare_instance_boot', priority: 60, is: [step('deploy.prepare_instance_boot')] },
  execute_bootc_install: {
    step: 'execute_bootc_install',
    priority: 80,
    is: [step('deploy.execute_bootc_install', { pointOfNoReturn: true, timeoutMs: 240 * minute })],
  },
  set_boot_to_disk: { step: 'set_boot_to_disk', priority: 60, is: [step('deploy.set_boot_to_disk')] },
  tear_down_agent: { step: 'tear_down_agent', priority: 40, is: END_RAMDISK },
  switch_to_tenant_network: {
    step: 'switch_to_tenant_network',
    priority: 30,
    is: [step('network.remove_provisioning_network'), step('network.configure_tenant_networks')],
  },
  boot_instance: { step: 'boot_instance', priority: 20, is: [step('power.power_on')] },
  boot_from_network: { step: 'deploy', priority: 100, is: [step('power.power_off'), ...START_FROM_NETWORK] },
  boot_installer: { step: 'deploy', priority: 100, is: BOOT_INSTALLER },
}

const deploy: readonly Step[] = AGENT_CORE.flatMap((name) => CORE_DEPLOY[name].is)

/** Inspection by the ramdisk's agent; any other way of inspecting is `PLANS.inspect`, without a boot. */
export const INSPECT_BY_AGENT: readonly Step[] = [
  ...BOOT_RAMDISK,
  step('inspect.inspect_hardware', { waits: true, timeoutMs: 30 * minute }),
  ...END_RAMDISK,
]

/**
 * After a task that boots the ramdisk and did not end well: a machine must not go on booting over the network, nor show its disk to
 * whoever comes next. The power comes first, for none of the rest may keep it on: a BMC may take its time over a medium, or refuse to let it go.
 */
const undo: readonly Step[] = [
  step('power.power_off'),
  step('boot.clean_up_ramdisk'),
  step('management.set_boot_device', { args: { boot_device: 'disk', persistent: true } }),
]
/** Kinds that are followed by `undo` when they fail, are cancelled or run out of time. */
export const UNDONE: ReadonlySet<string> = new Set<TaskKind>([
  'deploy',
  'rebuild',
  'clean',
  'inspect',
  'rescue',
  'service',
])

/** Time for a step that somebody chose; it works on disks, firmware or the like. */
export const CHOSEN_MS = 60 * minute

/** `deploy`, `clean` and `verify`: without steps that were chosen for the node; `deploy`: by an agent that writes an image. */
export const PLANS: Record<PlannedKind, readonly Step[]> = {
  verify: [step('power.verify')],
  deploy,
  rebuild: deploy,
  clean: [...BOOT_RAMDISK, step('deploy.erase_devices_metadata', { timeoutMs: CHOSEN_MS }), ...END_RAMDISK],
  'tear-down': [step('power.power_off'), step('boot.clean_up_instance')],
  undo,
  inspect: [step('inspect.inspect_hardware', { waits: true, timeoutMs: 30 * minute })],
  adopt: [step('power.verify')],
  rescue: [...BOOT_RAMDISK, step('rescue.rescue', { timeoutMs: 10 * minute })],
  unrescue: [
    step('power.power_off'),
    step('rescue.unrescue'),
    // A rescue leaves its ramdisk running, and what it came from in place: a volume in the machine's drive.
    step('boot.clean_up_ramdisk'),
    step('management.set_boot_device', { args: { boot_device: 'disk', persistent: true } }),
    step('power.power_on'),
  ],
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
