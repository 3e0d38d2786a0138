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
    interface: 'network',
    names: ['ironic-networking'],
    why: 'nothing here logs in to a switch. Ironic has a service of its own for that (2026, experimental): it takes VLANs and LAGs from `extra.switchport` and `extra.lag` of ports, a form that is announced to change, and configures switches over SSH by the drivers of networking-generic-switch, in Python. With those drivers in a Neutron, `neutron` does the same',
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
export const STEPS_NOT_OFFERED: readonly NotOffered[] = []
