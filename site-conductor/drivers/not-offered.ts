// What Ironic's hardware types have and drivers here do not, and why: a reference page is made of it (docs/reference/drivers.md), and a test
// compares it with what drivers offer.

export interface NotOffered {
  readonly interface: string
  readonly names: readonly string[]
  /** Drivers that lack it, where others have it or Ironic's others do not. All, when absent. */
  readonly of?: readonly string[]
  readonly why: string
}

/** Implementations of interfaces. */
export const NOT_OFFERED: readonly NotOffered[] = [
  {
    interface: 'deploy',
    names: ['ansible'],
    why: 'it needs Ansible on the conductor, which logs in to the ramdisk; steps of your own run in an agent of your own (`custom-agent`)',
  },
  {
    interface: 'deploy',
    names: ['bootc'],
    why: 'it installs a container, for which the ramdisk would need a container engine',
  },
  {
    interface: 'network',
    names: ['ironic-networking'],
    why: "switches are nobody's here: Ironic has a service of its own for them",
  },
]

/** Hardware types. */
export const TYPES_NOT_OFFERED: Readonly<Record<string, string>> = {
  'intel-ipmi':
    '`ipmi` drives the same machines, without `configure_intel_speedselect` (Speed Select), which is all that the type adds',
  idrac:
    '`redfish` drives the same machines by what is standard; its own steps (`clear_job_queue`, `reset_idrac`, `known_good_state`) and its way to make a RAID are not there',
}

/** Steps that can be chosen. */
export const STEPS_NOT_OFFERED: readonly NotOffered[] = [
  {
    interface: 'deploy',
    names: ['execute_bootc_install', 'set_boot_to_disk'],
    of: ['ipmi', 'redfish', 'manual-management'],
    why: 'they are steps of deploy interface `bootc`',
  },
]
