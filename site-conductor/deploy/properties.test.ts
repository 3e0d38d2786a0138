import { expect, test } from 'vitest'
import { isSet, refuseProperties } from './properties.ts'

const of = (driverInfo: Record<string, unknown>) => ({ driverInfo })

test.for([
  [{}, undefined],
  [{ fast_track: 'Yes', deploy_forces_oob_reboot: false, has_dedicated_power_supply: 1 }, undefined],
  [{ fast_track: 'perhaps' }, 'driver_info.fast_track "perhaps": must be true or false'],
  [{ deploy_forces_oob_reboot: 2 }, 'driver_info.deploy_forces_oob_reboot 2: must be true or false'],
  [{ agent_verify_ca: 'true' }, undefined],
  [{ agent_verify_ca: false }, 'an agent is always verified'],
  [{ agent_verify_ca: '/etc/ca.pem' }, 'an agent is always verified'],
  [{ image_download_source: 'http' }, undefined],
  [{ image_download_source: 'local' }, undefined],
  [{ image_download_source: 'swift' }, 'image_download_source swift: with this deploy interface it is http or local'],
] as const)('driver_info %o says: %s', ([info, why]) => {
  const check = () => refuseProperties(of(info), {}, ['http', 'local'])
  if (why === undefined) expect(check).not.toThrow()
  else expect(check).toThrow(why)
})

test('who fetches images is said by the instance before the node, and matters where somebody does', () => {
  const info = of({ image_download_source: 'http' })
  expect(() => refuseProperties(info, { image_download_source: 'local' }, ['local'])).not.toThrow()
  expect(() => refuseProperties(info, {}, ['local'])).toThrow('it is local')
  expect(() => refuseProperties(of({ image_download_source: 'swift' }))).not.toThrow()
})

test('flags are words, too', () => {
  expect(['true', 'on', true, 1].map((value) => isSet(of({ a: value }), 'a'))).toEqual([true, true, true, true])
  expect(['off', false, undefined, null].map((value) => isSet(of({ a: value }), 'a'))).toEqual([
    ...[false, false, false, false],
  ])
})
