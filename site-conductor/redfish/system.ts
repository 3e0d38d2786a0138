// The ComputerSystem (DSP2046): finding it, its power and what it boots from.
import { z } from 'zod'
import { memberPaths } from './collection.ts'
import { RedfishError } from './errors.ts'
import type { Changing, Reading, Resource } from './requests.ts'
import { Link, type Session } from './session.ts'
import type { Answer } from './wire.ts'

const text = z.string().nullish()
const texts = z.array(z.string()).nullish()

export const Boot = z.object({
  BootSourceOverrideTarget: text,
  BootSourceOverrideEnabled: text,
  BootSourceOverrideMode: text,
  HttpBootUri: text,
  'BootSourceOverrideTarget@Redfish.AllowableValues': texts,
  'BootSourceOverrideMode@Redfish.AllowableValues': texts,
})

/** A word that is none of these says nothing. */
const Health = z.enum(['OK', 'Warning', 'Critical']).nullish().catch(undefined)

export const ComputerSystem = z.object({
  Id: z.string(),
  Status: z.object({ Health, HealthRollup: Health }).nullish(),
  UUID: text,
  SerialNumber: text,
  SKU: text,
  Manufacturer: text,
  Model: text,
  BiosVersion: text,
  PowerState: text,
  IndicatorLED: text,
  LocationIndicatorActive: z.boolean().nullish(),
  Boot: Boot.nullish(),
  ProcessorSummary: z.object({ Count: z.number().nullish(), Model: text }).nullish(),
  MemorySummary: z.object({ TotalSystemMemoryGiB: z.number().nullish() }).nullish(),
  Bios: Link.nullish(),
  SecureBoot: Link.nullish(),
  Storage: Link.nullish(),
  EthernetInterfaces: Link.nullish(),
  Processors: Link.nullish(),
  VirtualMedia: Link.nullish(),
  Links: z.object({ Chassis: z.array(Link).nullish(), ManagedBy: z.array(Link).nullish() }).nullish(),
  Actions: z
    .object({
      '#ComputerSystem.Reset': z.object({ target: z.string(), 'ResetType@Redfish.AllowableValues': texts }).nullish(),
    })
    .nullish(),
})
export type ComputerSystem = z.output<typeof ComputerSystem>

export type ResetType = 'On' | 'ForceOff' | 'GracefulShutdown' | 'ForceRestart' | 'Nmi'

/** `id`: a path, where the BMC has several systems. Throws 'argument' when it is not clear which one is meant. */
export async function systemPath(session: Session, id: string | undefined, options: Reading): Promise<string> {
  const known = session.systems.get(id ?? '')
  if (known !== undefined) return known
  const path = id === undefined ? await onlySystem(session, options) : session.path(id)
  session.systems.set(id ?? '', path)
  return path
}

async function onlySystem(session: Session, options: Reading): Promise<string> {
  const { Systems } = await session.root(options)
  if (!Systems) throw new RedfishError('missing', 'the BMC has no systems')
  const [first, ...more] = await memberPaths(session, Systems['@odata.id'], options)
  if (first === undefined) throw new RedfishError('missing', 'the BMC has no systems')
  if (more.length > 0) throw new RedfishError('argument', `the BMC has ${more.length + 1} systems`)
  return first
}

export async function getSystem(
  session: Session,
  id: string | undefined,
  options: Reading,
): Promise<Resource<ComputerSystem>> {
  return session.get(await systemPath(session, id, options), ComputerSystem, options)
}

/** One ComputerSystem.Reset, sent once. */
export async function resetSystem(
  session: Session,
  { value, path }: Resource<ComputerSystem>,
  type: ResetType,
  options: Changing,
): Promise<Answer> {
  const action = value.Actions?.['#ComputerSystem.Reset']
  if (!action) throw new RedfishError('missing', `${path} has no action Reset`)
  const allowed = action['ResetType@Redfish.AllowableValues']
  if (allowed && !allowed.includes(type))
    throw new RedfishError('missing', `the BMC cannot do a reset of type ${type}, only ${allowed.join(', ')}`)
  return session.post(session.path(action.target), { ResetType: type }, options)
}
