// Ironic's kinds of interfaces: what a driver has implementations of, and a node uses one of each.

/** The interfaces of a driver and the microversion of `<name>_interface`. */
export const INTERFACES = {
  bios: 40,
  boot: 31,
  console: 31,
  deploy: 31,
  firmware: 86,
  inspect: 31,
  management: 31,
  network: 20,
  power: 31,
  raid: 31,
  rescue: 38,
  storage: 33,
  vendor: 31,
} as const
