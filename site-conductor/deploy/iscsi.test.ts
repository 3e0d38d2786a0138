// Which parts of the two deploy interfaces differ. The write itself is tested with the real programs, in iscsi.tools.test.ts.
import { expect, test } from 'vitest'
import { PLANS } from '../../cloud/plans.ts'
import { implementationOf } from '../driver.ts'
import ipmi from '../drivers/ipmi.ts'
import { fakeContext } from '../testing/fake-context.ts'
import { fakeGrant } from '../testing/fake-hub.ts'

const grant = (interfaces: Record<string, string> = {}) =>
  fakeGrant('n', { driver: 'ipmi', interfaces, driverInfo: { ipmi_address: '192.0.2.1' } })
const deploy = (interfaces: Record<string, string> = {}) => implementationOf(ipmi, grant(interfaces), 'deploy')

test('a node has the deploy interface that it names, else the one that chooses, which by itself does as direct', () => {
  expect(deploy({ deploy: 'iscsi' })).not.toBe(deploy())
  expect(deploy()).toBe(deploy({ deploy: 'autodetect' }))
  expect(deploy()?.steps).toBe(deploy({ deploy: 'direct' })?.steps)
  expect(deploy()?.deployment?.chooses).toEqual(['ramdisk', 'bootc', 'direct'])
  expect(deploy({ deploy: 'nobody-has-it' })).toBeUndefined()
})

test('both have every deploy step of every plan', () => {
  const wanted = Object.values(PLANS).flatMap((plan) => plan.filter(({ interface: kind }) => kind === 'deploy'))
  for (const name of ['direct', 'iscsi']) {
    const steps = Object.keys(deploy({ deploy: name })!.steps!)
    expect(steps).toEqual(expect.arrayContaining(wanted.map(({ step }) => step)))
  }
})

test('a conductor that writes no images says so before anything happens', async () => {
  const context = await fakeContext(ipmi, { node: grant({ deploy: 'iscsi' }) })
  const write = deploy({ deploy: 'iscsi' })!.steps!['write_image']!(context)
  await expect(write).rejects.toMatchObject({ fault: { code: 'driver.unsupported' } })
  expect(context.notes).toEqual([])
  await context.close()
})
