// What Ironic's hardware types have and drivers here do not, and why: a reference page is made of it (docs/reference/drivers.md), and a test
// compares it with what drivers offer.

export interface NotOffered {
  readonly interface: string
  readonly names: readonly string[]
  /** Drivers that lack it, where others have it or Ironic's others do not. All, when absent. */
  readonly of?: readonly string[]
  readonly why: string
}

const IN_MEMORY = 'its machines are objects in memory: nothing boots there over a network, and no agent runs'
const NO_VOLUMES = 'nothing is attached to machines in memory'

/** Implementations of interfaces. */
export const NOT_OFFERED: readonly NotOffered[] = [
  {
    interface: 'deploy',
    names: ['anaconda'],
    why: 'an installer would have to be booted, given its kickstart file and watched; what is deployed here is an image, or a ramdisk that stays',
  },
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
    interface: 'console',
    names: ['fake-graphical', 'redfish-graphical'],
    why: 'a graphical console is a web browser in a container beside the conductor, which starts no containers',
  },
  {
    interface: 'console',
    names: ['ipmitool-socat'],
    of: ['redfish'],
    why: 'its serial line is IPMI, of whose user and password this driver knows nothing; `ipmi` has it',
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
  { interface: 'storage', names: ['fake'], of: ['fake-hardware'], why: NO_VOLUMES },
  { interface: 'boot', names: ['ipxe', 'pxe', 'http-ipxe', 'http'], of: ['fake-hardware'], why: IN_MEMORY },
  { interface: 'inspect', names: ['agent'], of: ['fake-hardware'], why: IN_MEMORY },
  { interface: 'raid', names: ['agent'], of: ['fake-hardware'], why: IN_MEMORY },
  { interface: 'rescue', names: ['agent'], of: ['fake-hardware'], why: IN_MEMORY },
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
