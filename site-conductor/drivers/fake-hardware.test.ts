// The fake driver keeps the contract, and knows every step of every plan.
import { expect, test } from 'vitest'
import { PLANS, POWER_PLANS } from '../../cloud/plans.ts'
import { toFault } from '../../shared/faults.ts'
import { type Driver, implementationOf, INTERFACES } from '../driver.ts'
import { driverFacts } from '../driver-facts.ts'
import { describeDriver } from '../driver-contract.ts'
import { fakeContext } from '../testing/fake-context.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import driver from './fake-hardware.ts'
import { fakeMachine } from './fake/machine.ts'
import ipmi from './ipmi.ts'
import manual, { askedOf } from './manual-management.ts'

describeDriver(driver, {
  driverInfo: () => ({}),
  powerChanges: (node) => fakeMachine(node).changes,
  wrongInfo: { fake_delay_ms: 'long', fake_password: 'hunter2' },
  test,
})

describeDriver(manual, {
  driverInfo: () => ({}),
  powerChanges: (node) => askedOf.get(node) ?? [],
  test,
})

const planned = [...Object.values(PLANS).flat(), ...Object.values(POWER_PLANS).flatMap(({ steps }) => steps)]
const names = [...new Set(planned.map(({ interface: kind, step }) => `${kind}.${step}`))]

/** What a driver says that it cannot do, the API does not begin. */
const refused = (each: Driver, kind: string) => Object.keys(each.interfaces[kind as 'power'] ?? {})[0] === `no-${kind}`

for (const each of [driver, ipmi, manual]) {
  test.each(names.filter((name) => !refused(each, name.split('.')[0]!)))(
    `${each.name} has the step %s of the plans`,
    (name) => {
      const [kind = '', step = ''] = name.split('.')
      expect(implementationOf(each, fakeGrant('n'), kind)?.steps?.[step]).toBeTypeOf('function')
    },
  )
}

test.each(names)('%s fails when driver_info.fake_fail says so', async (name) => {
  const [kind = '', step = ''] = name.split('.')
  const node = fakeGrant('failing', { driverInfo: { fake_fail: { [name]: 'disk.io' } } })
  const context = await fakeContext(driver, { node, args: { boot_device: 'pxe' } })
  const run = implementationOf(driver, node, kind)!.steps![step]!
  await expect(run(context)).rejects.toMatchObject({ fault: { code: 'disk.io' } })
})

test('the result of a RAID configuration says when it was made', async () => {
  const disks = [{ size_gb: 100, raid_level: '1' }]
  const node = fakeGrant('raid')
  const context = await fakeContext(driver, { node, context: { target_raid_config: { logical_disks: disks } } })
  const done = await implementationOf(driver, node, 'raid')!.steps!['create_configuration']!(context)
  const last_updated = new Date(context.env.now()).toISOString().slice(0, 10)
  expect(done).toMatchObject({
    facts: { raid_config: { logical_disks: disks, last_updated: expect.stringContaining(last_updated) } },
  })
})

test('its vendor methods and steps are those of Ironic', () => {
  const methodsOf = (vendor: string) => implementationOf(driver, fakeGrant('n', { interfaces: { vendor } }), 'vendor')!
  expect(Object.keys(methodsOf('fake').vendor!)).toEqual([
    ...['second_method', 'third_method_sync', 'fourth_method_shared_lock', 'log_passthrough'],
  ])
  expect(methodsOf('fake').offers).toEqual({
    log_passthrough: { clean: 0, service: 0, ramdisk: false },
    trigger_servicewait: { service: 0 },
  })
  expect(Object.keys(methodsOf('fake-a').vendor!)).toEqual(['first_method'])
})

/** Of nodes that say nothing: what they have today. */
test('the defaults of its interfaces are its own', () => {
  const first = Object.entries(driverFacts(driver).interfaces).map(([kind, names]) => [kind, names[0]])
  expect(Object.fromEntries(first)).toEqual({
    ...Object.fromEntries(INTERFACES.map((kind) => [kind, 'fake'])),
    network: 'noop',
    storage: 'noop',
  })
})

test('whatever deploys, a cleaning by itself is the same, and more can be asked for where there may be an agent', () => {
  const { clean = [] } = driverFacts(driver).steps ?? {}
  const offered = (of: string) => clean.filter((each) => each.interface === 'deploy' && each.of === of)
  for (const of of ['fake', 'autodetect', 'direct', 'iscsi', 'custom-agent'])
    expect(offered(of).flatMap(({ step, priority }) => (priority > 0 ? [step] : []))).toEqual([
      'erase_devices_metadata',
    ])
  expect(offered('direct').map(({ step }) => step)).toContain('clean_uefi_nvram')
  expect(offered('fake').map(({ step }) => step)).not.toContain('clean_uefi_nvram')
})

const agents = ['inspect', 'raid', 'rescue'] as const
const answer = async (kind: (typeof agents)[number], interfaces: Record<string, string>) => {
  const node = fakeGrant('n', { interfaces: { [kind]: 'agent', ...interfaces } })
  const implementation = implementationOf(driver, node, kind)!
  const context = await fakeContext(driver, { node })
  const said = async () => implementation.validate?.(context)
  return await said().then(() => undefined, toFault)
}

test.each(agents)('%s by an agent says what the node lacks for it', async (kind) => {
  expect(await answer(kind, {})).toMatchObject({ message: expect.stringContaining('set boot_interface to ipxe') })
  expect(await answer(kind, { boot: 'ipxe' })).toMatchObject({
    message: expect.stringContaining('set deploy_interface'),
  })
  expect(await answer(kind, { boot: 'ipxe', deploy: 'direct' })).toBeUndefined()
})

test('the health of a machine is as driver_info says, told when it is verified and with its power; of one that is switched by hand nobody knows it', async () => {
  const tellsOf = async (more: Partial<Parameters<typeof fakeGrant>[1]>) => {
    const node = fakeGrant('healthy', more)
    const told: Record<string, unknown>[] = []
    const context = {
      ...(await fakeContext(driver, { node })),
      tell: (facts: Record<string, unknown>) => void told.push(facts),
    }
    const { steps, methods } = implementationOf(driver, node, 'power')!
    await methods!['get_power_state']!(context, {})
    const { facts } = (await steps!['verify']!(context)) as { facts: Record<string, unknown> }
    return [told, facts['health']]
  }
  expect(await tellsOf({})).toEqual([[{ health: 'OK' }], 'OK'])
  expect(await tellsOf({ driverInfo: { fake_health: 'Warning' } })).toEqual([[{ health: 'Warning' }], 'Warning'])
  const byHand = { power: 'fake', management: 'fake', boot: 'ipxe', deploy: 'direct' }
  expect(await tellsOf({ interfaces: byHand })).toEqual([[{ health: null }], null])
})
