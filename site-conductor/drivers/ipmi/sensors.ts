// Sensors as Ironic has them from `ipmitool sdr -v`: by the first word of their type, only those with a reading, each with ipmitool's words.
import type { AnalogSensor } from '../../ipmi/codec/sensor-record.ts'
import { getSensorReading, getSensors, type SensorReading } from '../../ipmi/commands/sensors.ts'
import { type IpmiContext, read } from './bmc.ts'

/** Table 42-3, those that have analog readings. */
const TYPES: Readonly<Record<number, string>> = {
  1: 'Temperature',
  2: 'Voltage',
  3: 'Current',
  4: 'Fan',
  5: 'Physical Security',
  8: 'Power Supply',
  9: 'Power Unit',
  10: 'Cooling Device',
  11: 'Other',
}
/** Table 43-15, those that are found. */
const UNITS: Readonly<Record<number, string>> = {
  1: 'degrees C',
  2: 'degrees F',
  3: 'degrees K',
  4: 'Volts',
  5: 'Amps',
  6: 'Watts',
  18: 'RPM',
  19: 'Hz',
}
/** The worst first (Table 35-15). */
const STATES = [
  [0x20, 'Upper Non-Recoverable'],
  [0x10, 'Upper Critical'],
  [0x08, 'Upper Non-Critical'],
  [0x04, 'Lower Non-Recoverable'],
  [0x02, 'Lower Critical'],
  [0x01, 'Lower Non-Critical'],
] as const

type Groups = Record<string, Record<string, Record<string, string>>>

const hex = (byte: number) => `0x${byte.toString(16)}`
const amount = (value: number) => (Number.isInteger(value) ? String(value) : value.toFixed(3))

function wordsOf({ number, name, entity, type, unit, tolerance }: AnalogSensor, { value, crossed }: SensorReading) {
  const kind = TYPES[type] ?? 'Unknown'
  return {
    'Sensor ID': `${name} (${hex(number)})`,
    'Entity ID': entity,
    'Sensor Type (Threshold)': `${kind} (0x${type.toString(16).padStart(2, '0')})`,
    'Sensor Reading': `${amount(value)} (+/- ${amount(tolerance)}) ${UNITS[unit] ?? 'unspecified'}`,
    Status: STATES.find(([bit]) => crossed & bit)?.[1] ?? 'ok',
  }
}

export async function getSensorsData(context: IpmiContext): Promise<Groups> {
  return await read(context, async (session, options) => {
    const groups: Groups = {}
    for (const sensor of await getSensors(session, options)) {
      const reading = await getSensorReading(session, sensor, options)
      if (reading === undefined) continue
      const words = wordsOf(sensor, reading)
      const [group = ''] = words['Sensor Type (Threshold)'].split(' ')
      ;(groups[group] ??= {})[words['Sensor ID']] = words
    }
    return groups
  })
}
