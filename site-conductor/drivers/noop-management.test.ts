// Management interface `noop` of each hardware type that has it: it answers as Ironic's, and no BMC is told anything, by a deployment neither.
import { expect, test } from 'vitest'
import { startBmc } from '../../sim/bmc/start.ts'
import { toFault } from '../../shared/faults.ts'
import { type Driver, implementationOf } from '../driver.ts'
import { fakeContext } from '../testing/fake-context.ts'
import { fakeGrant } from '../testing/fake-hub.ts'
import ipmi from './ipmi.ts'
import manual from './manual-management.ts'
import redfish from './redfish.ts'

const fault = (work: unknown) => Promise.resolve(work).then(() => undefined, toFault)

// Nobody is there: whoever asks a BMC fails.
const nobody = { ipmi_address: 'bmc.invalid', redfish_address: 'https://bmc.invalid' }
const asked = [ipmi, redfish, manual].flatMap((driver) =>
  (driver === manual ? ['noop', 'fake'] : ['noop']).map((name): [string, string, Driver] => [
    driver.name,
    name,
    driver,
  ]),
)

async function made(driver: Driver, name: string, args = {}, driverInfo: Record<string, unknown> = nobody) {
  const node = fakeGrant('n', { driver: driver.name, driverInfo, interfaces: { management: name } })
  return {
    management: implementationOf(driver, node, 'management')!,
    context: await fakeContext(driver, { node, args }),
  }
}

test.each(asked)('%s with %s knows the network and the disk, and asks nobody', async (_, name, driver) => {
  const { management, context } = await made(driver, name)
  const { methods } = management
  expect(await methods!['get_supported_boot_devices']!(context, {})).toEqual({
    supported_boot_devices: ['pxe', 'disk'],
  })
  expect(await methods!['get_boot_device']!(context, {})).toEqual({ boot_device: 'pxe', persistent: true })
  for (const boot_device of ['pxe', 'disk']) {
    await methods!['set_boot_device']!(context, { boot_device, persistent: true })
    const { context: stepping } = await made(driver, name, { boot_device })
    await management.steps!['set_boot_device']!(stepping)
  }
  for (const boot_device of ['cdrom', 'bios', undefined])
    expect(await fault(methods!['set_boot_device']!(context, { boot_device }))).toMatchObject({
      code: 'request.invalid',
    })
  await management.validate!(context)
})

test.each(asked)('%s with %s can do nothing else', async (_, name, driver) => {
  const { management } = await made(driver, name)
  expect(Object.keys(management.methods!).toSorted()).toEqual([
    'get_boot_device',
    'get_supported_boot_devices',
    'set_boot_device',
  ])
  expect(Object.keys(management.steps!)).toEqual(['set_boot_device'])
})

test.each(asked)('%s with %s is behind the last-moment check all the same', async (_, name, driver) => {
  const { management, context } = await made(driver, name)
  context.refused = true
  expect(await fault(management.methods!['set_boot_device']!(context, { boot_device: 'disk' }))).toMatchObject({
    code: 'fenced',
  })
})

test('a deployment leaves the boot order to the firmware where management is noop', async () => {
  const bmc = await startBmc()
  const info = { ipmi_address: bmc.address, ipmi_port: bmc.port, ipmi_username: 'admin', ipmi_password: 'secret' }
  const settings = () => bmc.log.of('Set System Boot Options').length
  try {
    for (const [name, told] of [
      ['noop', false],
      ['ipmitool', true],
    ] as const) {
      const { context } = await made(ipmi, name, {}, info)
      const properties = { capabilities: 'boot_mode:bios' }
      const node = { ...context.node, properties }
      await ipmi.interfaces.deploy!['direct']!.steps!['prepare_instance_boot']!({ ...context, before() {}, node })
      expect(settings() > 0, name).toBe(told)
      await context.close()
    }
  } finally {
    await bmc.close()
  }
})

test('a person is told what a machine should boot that nobody else can tell', async () => {
  const { management, context } = await made(manual, 'noop', { boot_device: 'disk' })
  await management.steps!['set_boot_device']!(context)
  expect(context.notes).toEqual([{ stage: 'boot_device.by_hand', body: { wanted: 'disk' } }])
})
