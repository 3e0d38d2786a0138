import { expect, test } from 'vitest'
import { poweredForNetworks, withNetworks } from './network-steps.ts'
import { CORE_DEPLOY, INSPECT_BY_AGENT, PLANS, START_FROM_NETWORK } from './plans.ts'

const names = (kind: string, steps = PLANS[kind as keyof typeof PLANS], undone?: string) =>
  withNetworks(kind, steps, undone).map(({ interface: iface, step }) =>
    iface === 'network' ? step.toUpperCase() : step,
  )

test('a cleaning is on the cleaning network from before its boot to behind its end', () => {
  expect(names('clean')).toEqual([
    'power_off', 'ADD_CLEANING_NETWORK', 'prepare_ramdisk', 'set_boot_device', 'power_on', 'wait_agent', 'erase_devices_metadata',
    'tear_down_agent', 'power_off', 'clean_up_ramdisk', 'REMOVE_CLEANING_NETWORK',
  ]) // prettier-ignore
})

test('an inspection by the agent is on the network for it, one without a boot on none', () => {
  const steps = names('inspect', INSPECT_BY_AGENT)
  expect([steps[1], steps.at(-1)]).toEqual(['ADD_INSPECTION_NETWORK', 'REMOVE_INSPECTION_NETWORK'])
  expect(names('inspect')).toEqual(['inspect_hardware'])
})

test('a deployment begins on the provisioning network; whatever ran there before is unplugged first', () => {
  expect(names('deploy').slice(0, 3)).toEqual(['power_off', 'ADD_PROVISIONING_NETWORK', 'prepare_ramdisk'])
  expect(names('rebuild').slice(0, 3)).toEqual(['power_off', 'UNCONFIGURE_TENANT_NETWORKS', 'ADD_PROVISIONING_NETWORK'])
})

test('an instance that boots over the network does so on its own networks', () => {
  expect(names('deploy', START_FROM_NETWORK)[0]).toBe('CONFIGURE_TENANT_NETWORKS')
  expect(names('deploy', CORE_DEPLOY.boot_installer.is).slice(1, 3)).toEqual([
    'CONFIGURE_TENANT_NETWORKS',
    'prepare_installer',
  ])
})

test('a rescue goes from the networks of the instance to the one for it, and back with its ramdisk running', () => {
  expect(names('rescue')).toEqual([
    'power_off', 'UNCONFIGURE_TENANT_NETWORKS', 'ADD_RESCUING_NETWORK', 'prepare_ramdisk', 'set_boot_device', 'power_on', 'wait_agent',
    'rescue', 'REMOVE_RESCUING_NETWORK', 'CONFIGURE_TENANT_NETWORKS',
  ]) // prettier-ignore
  const steps = names('unrescue')
  expect(steps.slice(steps.indexOf('clean_up_ramdisk') + 1, -2)).toEqual([
    'REMOVE_RESCUING_NETWORK',
    'CONFIGURE_TENANT_NETWORKS',
  ])
})

test('what is undone ends on no network but those of an instance that stays, and last of all', () => {
  const ends = (undone: string) => names('undo', PLANS.undo, undone).slice(PLANS.undo.length)
  expect(ends('clean')).toEqual(['REMOVE_CLEANING_NETWORK'])
  expect(ends('deploy')).toEqual(['REMOVE_PROVISIONING_NETWORK', 'UNCONFIGURE_TENANT_NETWORKS'])
  expect(ends('service')).toEqual(['REMOVE_SERVICING_NETWORK', 'CONFIGURE_TENANT_NETWORKS'])
  expect(names('tear-down').at(-1)).toBe('UNCONFIGURE_TENANT_NETWORKS')
})

test('work that does not boot the machine leaves its networks as they are', () => {
  expect(names('verify')).toEqual(['verify'])
  expect(names('tear-down', [])).toEqual([])
})

test('a machine whose smart NIC wires it is on while its networks change, and off again before it goes on', () => {
  const wired = poweredForNetworks(withNetworks('rescue', PLANS.rescue)).map(({ step }) => step)
  expect(wired).toEqual([
    'power_off', 'power_on', 'unconfigure_tenant_networks', 'add_rescuing_network', 'power_off', 'prepare_ramdisk', 'set_boot_device',
    'power_on', 'wait_agent', 'rescue', 'remove_rescuing_network', 'configure_tenant_networks',
  ]) // prettier-ignore
})
