// Ironic's hardware types, as its documentation has them in August 2026, beside what drivers here offer: whatever is not offered is said, with a
// reason, and nothing is said to be missing that is there.
import { expect, test } from 'vitest'
import { driverFacts } from '../driver-facts.ts'
import fakeHardware from './fake-hardware.ts'
import ipmi from './ipmi.ts'
import manualManagement from './manual-management.ts'
import { NOT_OFFERED, STEPS_NOT_OFFERED, TYPES_NOT_OFFERED, type NotOffered } from './not-offered.ts'
import redfish from './redfish.ts'

const DRIVERS = new Map(
  [ipmi, redfish, manualManagement, fakeHardware].map((driver) => [driver.name, driverFacts(driver)]),
)

const GENERIC = {
  boot: ['ipxe', 'pxe', 'http-ipxe', 'http'],
  deploy: ['autodetect', 'direct', 'ansible', 'ramdisk', 'anaconda', 'bootc', 'custom-agent'],
  console: ['no-console', 'fake-graphical'],
  inspect: ['agent', 'no-inspect'],
  raid: ['no-raid', 'agent'],
  bios: ['no-bios'],
  firmware: ['no-firmware'],
  network: ['flat', 'neutron', 'ironic-networking', 'noop'],
  storage: ['noop', 'cinder', 'external'],
  rescue: ['no-rescue', 'agent'],
}
const and = (kind: keyof typeof GENERIC, ...more: string[]) => [...GENERIC[kind], ...more]

const IRONIC: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  'manual-management': {
    ...GENERIC,
    power: ['agent', 'fake'],
    management: ['noop', 'fake'],
    deploy: and('deploy', 'noop'),
    vendor: ['no-vendor'],
  },
  ipmi: {
    ...GENERIC,
    power: ['ipmitool'],
    management: ['ipmitool', 'noop'],
    console: ['ipmitool-socat', 'no-console'],
    vendor: ['ipmitool', 'no-vendor'],
  },
  redfish: {
    ...GENERIC,
    power: ['redfish'],
    management: ['redfish', 'noop'],
    boot: and('boot', 'redfish-virtual-media', 'redfish-https'),
    console: and('console', 'redfish-graphical', 'ipmitool-socat'),
    inspect: and('inspect', 'redfish'),
    raid: and('raid', 'redfish'),
    bios: and('bios', 'redfish'),
    firmware: and('firmware', 'redfish'),
    vendor: ['redfish', 'no-vendor'],
  },
  'fake-hardware': {
    power: ['fake'],
    management: ['fake'],
    ...Object.fromEntries(Object.keys(GENERIC).map((kind) => [kind, and(kind as keyof typeof GENERIC, 'fake')])),
    network: GENERIC.network,
    vendor: ['fake', 'no-vendor'],
  },
}

/** Steps that can be chosen, of interfaces that all four have. */
const STEPS: Readonly<Record<string, readonly string[]>> = {
  ipmi: ['vendor.send_raw'],
  redfish: [
    'raid.create_configuration', 'raid.delete_configuration', 'raid.apply_configuration', 'bios.apply_configuration', 'bios.factory_reset',
    'firmware.update', 'management.update_firmware', 'management.reset_secure_boot_keys_to_default', 'management.clear_secure_boot_keys',
    'management.set_bmc_clock', 'management.verify_bmc_clock',
  ], // prettier-ignore
}
const IN_BAND = [
  'deploy.erase_devices_metadata', 'deploy.erase_devices', 'deploy.erase_devices_express', 'deploy.erase_pstore', 'deploy.clean_uefi_nvram',
  'deploy.burnin_cpu', 'deploy.burnin_memory', 'deploy.burnin_network', 'deploy.burnin_gpu', 'deploy.burnin_disk', 'deploy.inject_files',
  'deploy.execute_bootc_install', 'deploy.set_boot_to_disk', 'raid.create_configuration', 'raid.delete_configuration',
  'raid.apply_configuration', 'network.reattach_networking',
] // prettier-ignore

const isSaid = (table: readonly NotOffered[], driver: string, kind: string, name: string) =>
  table.some(
    ({ interface: of, names, of: drivers }) =>
      of === kind && names.includes(name) && (drivers?.includes(driver) ?? true),
  )

const implementations = Object.entries(IRONIC).flatMap(([driver, kinds]) =>
  Object.entries(kinds).flatMap(([kind, names]) => names.map((name) => [driver, kind, name] as const)),
)
const steps = ['ipmi', 'redfish', 'manual-management'].flatMap((driver) =>
  [...(STEPS[driver] ?? []), ...IN_BAND].map((step) => [driver, ...(step.split('.') as [string, string])] as const),
)
/** On request, or as a part of each deployment by one of its deploy interfaces. */
const offersStep = (driver: string, kind: string, name: string) => {
  const { steps: lists = {}, deployments = {} } = DRIVERS.get(driver)!
  const isListed = Object.values(lists).some((all) => all.some((each) => each.interface === kind && each.step === name))
  return isListed || (kind === 'deploy' && Object.values(deployments).some(({ core }) => core.includes(name)))
}

test('what Ironic has is offered or said to be missing, never both', () => {
  const unlike =
    (table: readonly NotOffered[], isThere: (...what: readonly [string, string, string]) => boolean | undefined) =>
    ([driver, kind, name]: readonly [string, string, string]) =>
      (isThere(driver, kind, name) ?? false) === isSaid(table, driver, kind, name)
  expect(
    implementations.filter(
      unlike(NOT_OFFERED, (driver, kind, name) => DRIVERS.get(driver)!.interfaces[kind]?.includes(name)),
    ),
  ).toEqual([])
  expect(steps.filter(unlike(STEPS_NOT_OFFERED, offersStep))).toEqual([])
})

test('nothing is said to be missing that Ironic does not have', () => {
  const said = (table: readonly NotOffered[]) =>
    table.flatMap(({ interface: kind, names }) => names.map((name) => `${kind}.${name}`))
  const has = (all: readonly (readonly [string, string, string])[]) =>
    new Set(all.map(([, kind, name]) => `${kind}.${name}`))
  expect(said(NOT_OFFERED).filter((one) => !has(implementations).has(one))).toEqual([])
  expect(said(STEPS_NOT_OFFERED).filter((one) => !has(steps).has(one))).toEqual([])
})

test('a hardware type that is missing is no driver', () => {
  expect(Object.keys(TYPES_NOT_OFFERED).filter((name) => DRIVERS.has(name))).toEqual([])
})
