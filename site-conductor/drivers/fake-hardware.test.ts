// The fake driver keeps the contract, and knows every step of every plan.
import { expect, test } from 'vitest'
import { PLANS, POWER_PLANS } from '../../cloud/plans.ts'
import { implementationOf } from '../driver.ts'
import { describeDriver } from '../driver-contract.ts'
import { fakeContext } from '../fake-context.ts'
import { fakeGrant } from '../fake-hub.ts'
import driver, { fakeMachine } from './fake-hardware.ts'
import ipmi from './ipmi.ts'

describeDriver(driver, {
  driverInfo: () => ({}),
  powerChanges: (node) => fakeMachine(node).changes,
  wrongInfo: { fake_delay_ms: 'long', fake_password: 'hunter2' },
  test,
})

const planned = [...Object.values(PLANS).flat(), ...Object.values(POWER_PLANS).flatMap(({ steps }) => steps)]
const names = [...new Set(planned.map(({ interface: kind, step }) => `${kind}.${step}`))]

for (const each of [driver, ipmi]) {
  test.each(names)(`${each.name} has the step %s of the plans`, (name) => {
    const [kind = '', step = ''] = name.split('.')
    expect(implementationOf(each, fakeGrant('n'), kind)?.steps?.[step]).toBeTypeOf('function')
  })
}

test.each(names)('%s fails when driver_info.fake_fail says so', async (name) => {
  const [kind = '', step = ''] = name.split('.')
  const node = fakeGrant('failing', { driverInfo: { fake_fail: { [name]: 'disk.io' } } })
  const context = await fakeContext(driver, { node, args: { boot_device: 'pxe' } })
  const run = implementationOf(driver, node, kind)!.steps![step]!
  await expect(run(context)).rejects.toMatchObject({ fault: { code: 'disk.io' } })
})
