// A driver as the API shows it where conductors of two versions serve it.
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestSite } from '#test-site'
import { enrol, FAKE_DRIVER, TestConductor } from '../hosts/test-conductor.ts'
import type { TestSite } from '../hosts/test-site.ts'

let site: TestSite
let other: TestConductor
beforeAll(async () => {
  site = await startTestSite()
  const newer = {
    ...FAKE_DRIVER,
    interfaces: { ...FAKE_DRIVER.interfaces, deploy: ['modern', 'direct'], storage: ['noop'] },
    properties: { ...FAKE_DRIVER.properties, modern_address: 'where it would be' },
  }
  other = await TestConductor.start(site.host, await enrol(site.host, 'c2'), 'c2', { drivers: [newer] })
})
afterAll(async () => {
  other.stop()
  await site.stop()
})

it('has what any of them has, as in Ironic; the first says what its defaults are', async () => {
  const { body } = await site.api('GET', '/v1/drivers/fake-hardware')
  expect(body).toMatchObject({
    hosts: ['c1', 'c2'],
    default_deploy_interface: 'fake',
    enabled_deploy_interfaces: ['fake', 'direct', 'modern'],
    default_storage_interface: 'noop',
    enabled_storage_interfaces: ['noop'],
  })
  const properties = (await site.api('GET', '/v1/drivers/fake-hardware/properties')).body
  expect(Object.keys(properties)).toEqual(['fake_address', 'fake_password', 'modern_address'])
})
