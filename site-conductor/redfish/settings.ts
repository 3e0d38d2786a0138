// BIOS and secure boot of a system (DSP2046: Bios, SecureBoot, Settings; DSP8010 AttributeRegistry). What is set is in force after a start.
import { z } from 'zod'
import { memberPaths } from './collection.ts'
import { RedfishError } from './errors.ts'
import type { Changing, Reading } from './requests.ts'
import { Link, type Session } from './session.ts'
import type { ComputerSystem } from './system.ts'

const Value = z.union([z.string(), z.number(), z.boolean()]).nullable()
export type AttributeValue = z.output<typeof Value>
export type Attributes = Readonly<Record<string, AttributeValue>>

const MAX_ATTRIBUTES = 2_000

const Bios = z.object({
  AttributeRegistry: z.string().nullish(),
  Attributes: z
    .record(z.string(), Value)
    .refine((all) => Object.keys(all).length <= MAX_ATTRIBUTES)
    .default({}),
  '@Redfish.Settings': z.object({ SettingsObject: Link, SupportedApplyTimes: z.array(z.string()).nullish() }).nullish(),
  Actions: z.object({ '#Bios.ResetBios': z.object({ target: z.string() }).nullish() }).nullish(),
})

const Pending = z.object({ Attributes: z.record(z.string(), Value).default({}) })

export interface BiosState {
  /** In force now. */
  readonly attributes: Attributes
  readonly registry: string | undefined
}

async function readBios(session: Session, { Bios: link }: ComputerSystem, options: Reading) {
  if (!link) throw new RedfishError('missing', 'the BMC does not show BIOS settings')
  return await session.get(session.path(link['@odata.id']), Bios, options)
}

export async function getBios(session: Session, system: ComputerSystem, options: Reading): Promise<BiosState> {
  const { value } = await readBios(session, system, options)
  return { attributes: value.Attributes, registry: value.AttributeRegistry ?? undefined }
}

/** For the next start, and only those that are otherwise. Throws 'argument' for attributes that the BIOS does not have. */
export async function setBios(
  session: Session,
  system: ComputerSystem,
  wanted: Attributes,
  options: Changing,
): Promise<void> {
  const { value, path } = await readBios(session, system, options)
  const unknown = Object.keys(wanted).filter((name) => !Object.hasOwn(value.Attributes, name))
  if (unknown.length > 0) throw new RedfishError('argument', `the BIOS has no setting ${unknown.join(', ')}`)
  const settings = value['@Redfish.Settings']
  const target = settings ? session.path(settings.SettingsObject['@odata.id']) : path
  const applyTime = settings?.SupportedApplyTimes?.includes('OnReset')
    ? { '@Redfish.SettingsApplyTime': { '@odata.type': '#Settings.v1_0_0.PreferredApplyTime', ApplyTime: 'OnReset' } }
    : {}
  await session.patch(
    target,
    Pending,
    ({ Attributes: pending }) => {
      const next = { ...value.Attributes, ...pending }
      const differing = Object.entries(wanted).filter(([name, wish]) => next[name] !== wish)
      return differing.length === 0 ? undefined : { Attributes: Object.fromEntries(differing), ...applyTime }
    },
    options,
  )
}

/** Factory settings from the next start on. */
export async function resetBios(session: Session, system: ComputerSystem, options: Changing): Promise<void> {
  const { value } = await readBios(session, system, options)
  const action = value.Actions?.['#Bios.ResetBios']
  if (!action) throw new RedfishError('missing', 'the BMC cannot reset the BIOS')
  await session.post(session.path(action.target), {}, options)
}

const nullable = <T extends z.ZodType>(schema: T) => schema.nullish().catch(null)
const RegistryEntry = z.object({
  AttributeName: z.string(),
  Type: nullable(z.string()),
  ReadOnly: nullable(z.boolean()),
  ResetRequired: nullable(z.boolean()),
  IsSystemUniqueProperty: nullable(z.boolean()),
  LowerBound: nullable(z.number()),
  UpperBound: nullable(z.number()),
  MinLength: nullable(z.number()),
  MaxLength: nullable(z.number()),
  Value: nullable(
    z.array(z.object({ ValueName: z.string().nullish(), ValueDisplayName: z.string().nullish() })).max(500),
  ),
})
export type RegistryEntry = z.output<typeof RegistryEntry>
const RegistryFile = z.object({
  Registry: z.string(),
  Location: z.array(z.object({ Language: z.string().nullish(), Uri: z.string().nullish() })).max(50),
})
const AttributeRegistry = z.object({
  RegistryEntries: z.object({ Attributes: z.array(RegistryEntry).max(MAX_ATTRIBUTES * 2) }),
})

/** What can be said about attributes, by name; nothing where the BMC has no such registry at its own address. */
export async function attributeRegistry(
  session: Session,
  name: string,
  options: Reading,
): Promise<Map<string, RegistryEntry>> {
  const { Registries: link } = await session.root(options)
  const found = new Map<string, RegistryEntry>()
  if (!link) return found
  const paths = await memberPaths(session, link['@odata.id'], options)
  const path = paths.find((each) => each.split('/').at(-1) === name || name.startsWith(`${each.split('/').at(-1)}.`))
  if (path === undefined) return found
  const { value: file } = await session.get(path, RegistryFile, options)
  const place = file.Location.find(({ Language }) => Language === 'en') ?? file.Location[0]
  if (!place?.Uri) return found
  const { value } = await session.get(session.path(place.Uri), AttributeRegistry, options)
  for (const entry of value.RegistryEntries.Attributes) found.set(entry.AttributeName, entry)
  return found
}

const SecureBoot = z.object({
  SecureBootEnable: z.boolean().nullish(),
  Actions: z.object({ '#SecureBoot.ResetKeys': z.object({ target: z.string() }).nullish() }).nullish(),
})

function secureBootPath(session: Session, { SecureBoot: link }: ComputerSystem): string {
  if (!link) throw new RedfishError('missing', 'the BMC does not show secure boot')
  return session.path(link['@odata.id'])
}

/** From the next start on. */
export async function getSecureBoot(session: Session, system: ComputerSystem, options: Reading): Promise<boolean> {
  const { value } = await session.get(secureBootPath(session, system), SecureBoot, options)
  if (typeof value.SecureBootEnable !== 'boolean')
    throw new RedfishError('missing', 'the BMC does not say whether secure boot is on')
  return value.SecureBootEnable
}

export async function setSecureBoot(
  session: Session,
  system: ComputerSystem,
  enabled: boolean,
  options: Changing,
): Promise<void> {
  const change = ({ SecureBootEnable: now }: z.output<typeof SecureBoot>) =>
    now === enabled ? undefined : { SecureBootEnable: enabled }
  await session.patch(secureBootPath(session, system), SecureBoot, change, options)
}

/** Of the firmware's key databases; from the next start on. */
export async function resetSecureBootKeys(
  session: Session,
  system: ComputerSystem,
  type: 'ResetAllKeysToDefault' | 'DeleteAllKeys',
  options: Changing,
): Promise<void> {
  const { value } = await session.get(secureBootPath(session, system), SecureBoot, options)
  const action = value.Actions?.['#SecureBoot.ResetKeys']
  if (!action) throw new RedfishError('missing', 'the BMC cannot reset the keys of secure boot')
  await session.post(session.path(action.target), { ResetKeysType: type }, options)
}
