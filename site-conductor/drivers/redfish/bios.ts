// BIOS settings by Redfish: set for the next start, then looked at when the plan has started the machine.
import { FaultError } from '../../../shared/faults.ts'
import type { Implementation, StepContext, StepResult } from '../../driver.ts'
import { RedfishError } from '../../redfish/errors.ts'
import {
  attributeRegistry,
  type Attributes,
  type AttributeValue,
  getBios,
  type RegistryEntry,
  resetBios,
  setBios,
} from '../../redfish/settings.ts'
import { mutate, read, type RedfishContext, systemOf } from './bmc.ts'
import { fitting, ROOM } from '../fitting.ts'
import type { RedfishInfo } from './info.ts'
import { until } from './poll.ts'

/** From power-on; a machine with much memory is tested for long. */
const IN_FORCE_TIMEOUT_MS = 30 * 60_000

interface Setting {
  readonly name: string
  readonly value: AttributeValue
}

const SETTINGS = { settings: { description: 'What to set: a list of {name, value}', required: true } }

function settingsOf({ args }: StepContext<RedfishInfo>): Setting[] {
  const list = args['settings']
  const isSetting = (each: unknown) =>
    typeof each === 'object' && each !== null && typeof (each as Setting).name === 'string' && 'value' in each
  if (!Array.isArray(list) || list.length === 0 || !list.every(isSetting))
    throw new FaultError('request.invalid', 'settings must be a list of {name, value}')
  return list as Setting[]
}

/** Users write numbers and booleans as texts, too: what it is at the machine decides. */
function asAtTheMachine(value: AttributeValue, now: AttributeValue | undefined): AttributeValue {
  if (typeof value !== 'string') return value
  if (typeof now === 'number' && value.trim() !== '' && Number.isFinite(Number(value))) return Number(value)
  if (typeof now === 'boolean' && /^(true|false)$/i.test(value)) return value.toLowerCase() === 'true'
  return value
}

function wanted(settings: readonly Setting[], now: Attributes): Attributes {
  return Object.fromEntries(settings.map(({ name, value }) => [name, asAtTheMachine(value, now[name])]))
}

async function applyConfiguration(context: StepContext<RedfishInfo>): Promise<void> {
  const settings = settingsOf(context)
  await mutate(context, async (session, options) => {
    const { value: system } = await systemOf(context, session, options)
    const { attributes } = await getBios(session, system, options)
    const missing = settings.filter(({ name }) => !Object.hasOwn(attributes, name)).map(({ name }) => name)
    if (missing.length > 0) throw new FaultError('request.invalid', `the BIOS has no setting ${missing.join(', ')}`)
    await setBios(session, system, wanted(settings, attributes), options)
  })
}

async function checkConfiguration(context: StepContext<RedfishInfo>): Promise<StepResult> {
  const settings = settingsOf(context)
  let differing: string[] = []
  const look = async () => {
    const { attributes } = await read(context, async (session, options) =>
      getBios(session, (await systemOf(context, session, options)).value, options),
    )
    const wishes = Object.entries(wanted(settings, attributes))
    differing = wishes.filter(([name, value]) => attributes[name] !== value).map(([name]) => name)
    return differing.length === 0 ? true : undefined
  }
  const why = () => `the machine has started, but these BIOS settings are not in force: ${differing.join(', ')}`
  await until(context, IN_FORCE_TIMEOUT_MS, look, why)
  return { facts: await biosFacts(context) }
}

/** All settings, with what the BMC's registry says about them where it has one. */
export async function biosFacts(context: RedfishContext): Promise<Record<string, unknown>> {
  const { attributes, entries } = await read(context, async (session, options) => {
    const bios = await getBios(session, (await systemOf(context, session, options)).value, options)
    const known = bios.registry === undefined ? undefined : attributeRegistry(session, bios.registry, options)
    // It only describes: settings are worth having without it.
    const found = await known?.catch((error: unknown) => {
      if (!(error instanceof RedfishError) || error.kind === 'session-lost' || error.kind === 'aborted') throw error
      return undefined
    })
    return { attributes: bios.attributes, entries: found ?? new Map<string, RegistryEntry>() }
  })
  const all = Object.entries(attributes)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => ({ name, value, ...described(entries.get(name)) }))
  const { list, dropped } = fitting<Setting>(all, ROOM.bios, ({ name, value }) => ({ name, value }))
  if (dropped > 0) context.note('bios.too_many', { settings: all.length, shown: list.length })
  return { bios_settings: list }
}

/** With Ironic's names. */
function described(entry: RegistryEntry | undefined): Record<string, unknown> {
  if (entry === undefined) return {}
  const values = entry.Value?.map(({ ValueName, ValueDisplayName }) => ValueName ?? ValueDisplayName ?? '')
  const facts = {
    attribute_type: entry.Type,
    allowable_values: values,
    lower_bound: entry.LowerBound,
    upper_bound: entry.UpperBound,
    min_length: entry.MinLength,
    max_length: entry.MaxLength,
    read_only: entry.ReadOnly,
    reset_required: entry.ResetRequired,
    unique: entry.IsSystemUniqueProperty,
  }
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined && value !== null))
}

export const redfishBios: Implementation<RedfishInfo> = {
  offers: {
    apply_configuration: {
      clean: 0,
      deploy: 0,
      service: 0,
      ramdisk: false,
      restart: 'check_configuration',
      args: SETTINGS,
    },
    factory_reset: { clean: 0, deploy: 0, service: 0, ramdisk: false, restart: 'cache_bios_settings' },
  },
  steps: {
    apply_configuration: applyConfiguration,
    check_configuration: checkConfiguration,
    factory_reset: (context) =>
      mutate(context, async (session, options) =>
        resetBios(session, (await systemOf(context, session, options)).value, options),
      ),
    cache_bios_settings: async (context) => ({ facts: await biosFacts(context) }),
  },
}
