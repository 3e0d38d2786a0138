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
const NO_VOLUMES = 'no machine is booted from a volume: volume targets and connectors are kept for whoever asks'

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
  { interface: 'storage', names: ['cinder', 'external'], why: NO_VOLUMES },
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
    interface: 'network',
    names: ['reattach_networking'],
    of: ['ipmi', 'redfish', 'manual-management'],
    why: 'it is a step of network interface `neutron`',
  },
]
