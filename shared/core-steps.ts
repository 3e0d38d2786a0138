// The core steps of a deployment by name. A deploy interface says which of them it has (site-conductor/driver.ts); what each is made of, and where it
// has its place, is in cloud/plans.ts.

export const CORE_STEPS = [
  /** Ironic's `deploy.deploy` of an interface that has an agent do the work. */
  'boot_agent',
  'write_image',
  'prepare_instance_boot',
  /** Of `bootc`, where a container installs itself. */
  'execute_bootc_install',
  'set_boot_to_disk',
  'tear_down_agent',
  /** Of nodes whose network interface wires them; no deploy interface names it. */
  'switch_to_tenant_network',
  'boot_instance',
  /** Ironic's `deploy.deploy` of `ramdisk`: the machine is set to boot its instance over the network, and started. */
  'boot_from_network',
  /** Ironic's `deploy.deploy` of `anaconda`: an installer is booted, and awaited to its end. */
  'boot_installer',
] as const
export type CoreStep = (typeof CORE_STEPS)[number]

/** Of a deployment in which an agent writes an image. */
export const AGENT_CORE = [
  'boot_agent',
  'write_image',
  'prepare_instance_boot',
  'tear_down_agent',
  'boot_instance',
] as const satisfies readonly CoreStep[]
