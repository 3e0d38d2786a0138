// Sensors with Ironic's groups and names: Fan, Temperature, Power.
import { getSensors, type SensorReading } from '../../redfish/inventory.ts'
import { read, type RedfishContext, systemOf } from './bmc.ts'

type Group = Record<string, Record<string, unknown>>

function group(chassis: string, readings: readonly SensorReading[], fields: (of: SensorReading) => object): Group {
  const entries = readings.map((each, i) => {
    const id = each.MemberId ?? each.Name ?? each.FanName ?? String(i)
    const facts = {
      identity: id,
      ...fields(each),
      state: each.Status?.State ?? null,
      health: each.Status?.Health ?? null,
    }
    return [`${id}@${chassis}`, facts] as const
  })
  return Object.fromEntries(entries)
}

export async function getSensorsData(context: RedfishContext): Promise<Record<string, Group>> {
  const all = await read(context, async (session, options) =>
    getSensors(session, (await systemOf(context, session, options)).value, options),
  )
  const merge = (groups: Group[]): Group => Object.assign({}, ...groups) as Group
  return {
    Fan: merge(
      all.map(({ chassis, fans }) =>
        group(chassis, fans, (fan) => ({ reading: fan.Reading ?? null, reading_units: fan.ReadingUnits ?? null })),
      ),
    ),
    Temperature: merge(
      all.map(({ chassis, temperatures }) =>
        group(chassis, temperatures, ({ ReadingCelsius: reading }) => ({ reading_celsius: reading ?? null })),
      ),
    ),
    Power: merge(
      all.map(({ chassis, supplies }) =>
        group(chassis, supplies, (supply) => ({
          line_input_voltage: supply.LineInputVoltage ?? null,
          last_power_output_watts: supply.LastPowerOutputWatts ?? null,
          power_capacity_watts: supply.PowerCapacityWatts ?? null,
        })),
      ),
    ),
  }
}
