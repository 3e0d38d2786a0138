// Sensors of the simulated BMC in Ironic's groups, whatever the BMC's repository is like.
import { expect, test } from 'vitest'
import type { SimSensor } from '../../../sim/bmc/sdr.ts'
import { Rig } from './testdata/rig.ts'

const rig = new Rig()
const inlet: SimSensor = { number: 1, name: 'Inlet Temp', type: 1, unit: 1, format: 2, m: 1, raw: 0xfb }
const rail: SimSensor = { number: 2, name: 'Rail 12V', type: 2, unit: 4, m: 6, exponent: -2, raw: 201 }
const fan: SimSensor = { number: 3, name: 'Fan 1', type: 4, unit: 18, m: 50, raw: 120, crossed: 0x01 }
const supply: SimSensor = { number: 0x1f, name: 'PSU 1', type: 8, unit: 6, m: 10, b: -5, bExponent: 1, raw: 20 }

const sensors = () => rig.call('management', 'get_sensors_data')

test('they are in groups by type, with ipmitool’s words', async () => {
  rig.bmc.sensors.list = [inlet, rail, fan, supply]
  expect(await sensors()).toEqual({
    Temperature: {
      'Inlet Temp (0x1)': {
        'Sensor ID': 'Inlet Temp (0x1)',
        'Entity ID': '7.1',
        'Sensor Type (Threshold)': 'Temperature (0x01)',
        'Sensor Reading': '-5 (+/- 0) degrees C',
        Status: 'ok',
      },
    },
    Voltage: { 'Rail 12V (0x2)': expect.objectContaining({ 'Sensor Reading': '12.060 (+/- 0) Volts' }) },
    Fan: {
      'Fan 1 (0x3)': expect.objectContaining({ 'Sensor Reading': '6000 (+/- 0) RPM', Status: 'Lower Non-Critical' }),
    },
    Power: { 'PSU 1 (0x1f)': expect.objectContaining({ 'Sensor Reading': '150 (+/- 0) Watts' }) },
  })
})

test('what has no reading, or none that is a number, is not there', async () => {
  const discrete = { ...inlet, number: 9, name: 'Presence', readingType: 0x03 }
  rig.bmc.sensors.list = [{ ...inlet, raw: undefined }, discrete, rail]
  expect(Object.keys((await sensors()) as object)).toEqual(['Voltage'])
})

test('a machine without sensors has none', async () => {
  expect(await sensors()).toEqual({})
  rig.bmc.sensors.list = [{ ...inlet, raw: undefined }]
  expect(await sensors()).toEqual({})
})

test('a repository that changes while it is read is read again', async () => {
  rig.bmc.sensors.list = [inlet, rail, fan]
  rig.bmc.sensors.changesAfter = 4
  expect(Object.keys((await sensors()) as object)).toEqual(['Temperature', 'Voltage', 'Fan'])
  expect(rig.told('Reserve SDR Repository')).toHaveLength(2)
})
