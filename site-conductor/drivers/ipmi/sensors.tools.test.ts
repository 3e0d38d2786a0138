// Sensors of OpenIPMI's ipmi_sim, as this driver reads them and as ipmitool does.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SimSensor } from '../../../sim/bmc/sdr.ts'
import { eventually, type ForeignBmc, need, run, startIpmiSim } from '../../../sim/bmc/third-party.ts'
import { fakeContext } from '../../testing/fake-context.ts'
import { fakeGrant } from '../../testing/fake-hub.ts'
import driver from '../ipmi.ts'

const sensors: readonly SimSensor[] = [
  { number: 1, name: 'Inlet Temp', type: 1, unit: 1, format: 2, m: 1, raw: 0xfb },
  { number: 2, name: 'Rail 12V', type: 2, unit: 4, m: 6, exponent: -2, raw: 201 },
  { number: 3, name: 'Fan 1', type: 4, unit: 18, m: 50, raw: 120 },
  { number: 31, name: 'Supply', type: 8, unit: 6, m: 10, b: -5, bExponent: 1, raw: 20 },
]
let bmc: ForeignBmc
beforeAll(async () => {
  need('/usr/bin/ipmitool')
  bmc = await startIpmiSim({ sensors })
})
afterAll(() => bmc.stop())

/** ipmitool's words for each sensor, by its id. */
async function byIpmitool(): Promise<Map<string, Record<string, string>>> {
  const login = ['-I', 'lanplus', '-C', '3', '-H', '127.0.0.1', '-p', String(bmc.port), '-U', 'admin', '-P', 'secret']
  const { code, text } = await run('/usr/bin/ipmitool', [...login, 'sdr', '-v'])
  if (code !== 0) throw new Error(text)
  const blocks = text.split('\n\n').map((block) => {
    const words = block.split('\n').map((line) => line.split(/ *: /, 2).map((part) => part.trim()))
    return Object.fromEntries(words.filter(({ length }) => length === 2)) as Record<string, string>
  })
  return new Map(blocks.filter((each) => each['Sensor ID'] !== undefined).map((each) => [each['Sensor ID']!, each]))
}

test('both read the same', async () => {
  const info = { ipmi_address: '127.0.0.1', ipmi_port: bmc.port, ipmi_username: 'admin', ipmi_password: 'secret' }
  const context = await fakeContext(driver, { node: fakeGrant('n', { driver: 'ipmi', driverInfo: info }) })
  try {
    const theirs = await eventually(byIpmitool)
    const read = driver.interfaces.management['ipmitool']!.methods!['get_sensors_data']!
    const ours = (await read(context, {})) as Record<string, Record<string, Record<string, string>>>
    const all = Object.values(ours).flatMap((group) => Object.values(group))
    expect(all.map((each) => each['Sensor Reading'])).toEqual([
      '-5 (+/- 0) degrees C',
      '12.060 (+/- 0) Volts',
      '6000 (+/- 0) RPM',
      '150 (+/- 0) Watts',
    ])
    for (const { 'Entity ID': entity, ...words } of all) {
      expect(theirs.get(words['Sensor ID']!)).toMatchObject(words)
      expect(theirs.get(words['Sensor ID']!)!['Entity ID']).toMatch(new RegExp(`^${entity} `))
    }
  } finally {
    await context.close()
  }
})
