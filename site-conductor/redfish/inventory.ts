// What a machine is made of, as its BMC sees it (DSP2046: Processor, EthernetInterface, Chassis with Thermal and Power).
import { z } from 'zod'
import { members } from './collection.ts'
import { RedfishError } from './errors.ts'
import type { Changing, Reading, Resource } from './requests.ts'
import { Link, type Session } from './session.ts'
import type { ComputerSystem } from './system.ts'

const text = z.string().nullish()
const number = z.number().nullish()
const Status = z.object({ State: text, Health: text }).nullish()

const Processor = z.object({
  ProcessorType: text,
  ProcessorArchitecture: text,
  InstructionSet: text,
  Model: text,
  MaxSpeedMHz: number,
  TotalCores: number,
  TotalThreads: number,
  Status,
})
export type Processor = z.output<typeof Processor>

export async function getProcessors(session: Session, system: ComputerSystem, options: Reading): Promise<Processor[]> {
  if (!system.Processors) return []
  const found = await members(session, system.Processors['@odata.id'], Processor, options)
  return found
    .map(({ value }) => value)
    .filter(({ ProcessorType: type, Status: status }) => (type ?? 'CPU') === 'CPU' && status?.State !== 'Absent')
}

const EthernetInterface = z.object({
  Id: z.string(),
  Name: text,
  MACAddress: text,
  PermanentMACAddress: text,
  SpeedMbps: number,
  LinkStatus: text,
  Status,
})
export interface NetworkCard {
  readonly name: string
  /** Lower case with colons. */
  readonly mac: string
  readonly hasLink: boolean | undefined
  readonly speedMbps: number | undefined
}

/** Those that are switched on and have an address. */
export async function getNetworkCards(
  session: Session,
  system: ComputerSystem,
  options: Reading,
): Promise<NetworkCard[]> {
  if (!system.EthernetInterfaces) return []
  const found = await members(session, system.EthernetInterfaces['@odata.id'], EthernetInterface, options)
  return found.flatMap(({ value }) => {
    const mac = (value.PermanentMACAddress ?? value.MACAddress ?? '').toLowerCase().replaceAll('-', ':')
    if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac) || (value.Status?.State ?? 'Enabled') !== 'Enabled') return []
    const link = value.LinkStatus
    return [
      { name: value.Id, mac, hasLink: link ? link === 'LinkUp' : undefined, speedMbps: value.SpeedMbps ?? undefined },
    ]
  })
}

const Lit = z.object({ UUID: text, Id: z.string(), IndicatorLED: text, LocationIndicatorActive: z.boolean().nullish() })
export type Lit = z.output<typeof Lit>
const Chassis = Lit.extend({ Thermal: Link.nullish(), Power: Link.nullish() })

/** Chassis that the system is in. */
export async function getChassis(
  session: Session,
  system: ComputerSystem,
  options: Reading,
): Promise<Resource<z.output<typeof Chassis>>[]> {
  const found: Resource<z.output<typeof Chassis>>[] = []
  for (const link of system.Links?.Chassis ?? [])
    found.push(await session.get(session.path(link['@odata.id']), Chassis, options))
  return found
}

export type Light = 'Lit' | 'Off' | 'Blinking'

/** What it shows; undefined where it has no light. The older property is the one that can blink. */
export function lightOf({ IndicatorLED: led, LocationIndicatorActive: active }: Lit): string | undefined {
  if (led) return led
  return typeof active === 'boolean' ? (active ? 'Lit' : 'Off') : undefined
}

export async function setLight(session: Session, path: string, light: Light, options: Changing): Promise<void> {
  const change = (now: Lit): object | undefined => {
    if (lightOf(now) === light) return undefined
    if (now.IndicatorLED) return { IndicatorLED: light }
    if (typeof now.LocationIndicatorActive !== 'boolean' || light === 'Blinking')
      throw new RedfishError('missing', `${path} has no light that can do this`)
    return { LocationIndicatorActive: light === 'Lit' }
  }
  await session.patch(path, Lit, change, options)
}

const SensorReading = z.object({
  MemberId: text,
  Name: text,
  FanName: text,
  Reading: number,
  ReadingUnits: text,
  ReadingCelsius: number,
  LineInputVoltage: number,
  LastPowerOutputWatts: number,
  PowerCapacityWatts: number,
  Status,
})
export type SensorReading = z.output<typeof SensorReading>
const list = z.array(SensorReading).max(500).default([])
const Thermal = z.object({ Fans: list, Temperatures: list })
const Power = z.object({ PowerSupplies: list })

export interface ChassisSensors {
  readonly chassis: string
  readonly fans: readonly SensorReading[]
  readonly temperatures: readonly SensorReading[]
  readonly supplies: readonly SensorReading[]
}

export async function getSensors(
  session: Session,
  system: ComputerSystem,
  options: Reading,
): Promise<ChassisSensors[]> {
  const found: ChassisSensors[] = []
  for (const { value } of await getChassis(session, system, options)) {
    const thermal =
      value.Thermal && (await session.get(session.path(value.Thermal['@odata.id']), Thermal, options)).value
    const power = value.Power && (await session.get(session.path(value.Power['@odata.id']), Power, options)).value
    found.push({
      chassis: value.Id,
      fans: thermal?.Fans ?? [],
      temperatures: thermal?.Temperatures ?? [],
      supplies: power?.PowerSupplies ?? [],
    })
  }
  return found
}
