// What Ironic's hardware types have and drivers here do not, and why: a reference page is made of it (docs/reference/drivers.md), and a test
// compares it with what drivers offer.

export interface NotOffered {
  readonly interface: string
  readonly names: readonly string[]
  /** Drivers that lack it, where others have it or Ironic's others do not. All, when absent. */
  readonly of?: readonly string[]
  readonly why: string
}

const NO_VOLUMES = 'no machine is booted from a volume: volume targets and connectors are kept for whoever asks'

/** Implementations of interfaces. */
export const NOT_OFFERED: readonly NotOffered[] = [
  {
    interface: 'deploy',
    names: ['bootc'],
    why: 'it installs a container, for which the ramdisk would need a container engine',
  },
  {
    interface: 'console',
    names: ['fake-graphical', 'redfish-graphical'],
    why: 'a graphical console is a web browser in a container beside the conductor, which starts no containers',
  },
  {
    interface: 'network',
    names: ['neutron'],
    why: 'there is no Neutron that could be asked: which VIF a port has is kept for whoever wires switches',
  },
  {
    interface: 'network',
    names: ['ironic-networking'],
    why: "switches are nobody's here: Ironic has a service of its own for them",
  },
  { interface: 'storage', names: ['cinder', 'external'], why: NO_VOLUMES },
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
    names: ['burnin_cpu', 'burnin_memory', 'burnin_disk', 'burnin_network', 'burnin_gpu'],
    of: ['ipmi', 'redfish', 'manual-management'],
    why: 'the programs that put a load on a machine (stress-ng, fio) are not in the ramdisk',
  },
  {
    interface: 'deploy',
    names: ['clean_uefi_nvram'],
    of: ['ipmi', 'redfish', 'manual-management'],
    why: 'not made yet: the agent writes the boot entry of a deployment and leaves the others alone',
  },
  {
    interface: 'deploy',
    names: ['inject_files'],
    of: ['ipmi', 'redfish', 'manual-management'],
    why: 'not made yet: files come with the config drive, whose user data the instance reads',
  },
  {
    interface: 'deploy',
    names: ['execute_bootc_install', 'set_boot_to_disk'],
    of: ['ipmi', 'redfish', 'manual-management'],
    why: 'they are steps of deploy interface `bootc`',
  },
  {
    interface: 'management',
    names: ['update_firmware'],
    of: ['redfish'],
    why: '`firmware.update` does the same and knows the component that it updates',
  },
  {
    interface: 'management',
    names: ['set_bmc_clock', 'verify_bmc_clock'],
    of: ['redfish'],
    why: 'not made yet: nothing here depends on the clock of a BMC, which is set there (NTP)',
  },
  {
    interface: 'network',
    names: ['reattach_networking'],
    of: ['ipmi', 'redfish', 'manual-management'],
    why: 'it is a step of network interface `neutron`',
  },
]
