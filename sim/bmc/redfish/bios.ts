// The BIOS of the simulated machine: settings in force, those that wait for a start, and the registry that describes them (DSP2046, DSP8010).
import { FACTORY_BIOS, type RedfishMachine } from './machine.ts'
import { type Body, collection, done, link, only, Refusal, type Resource } from './resource.ts'
import { SYSTEM } from './system.ts'

const BIOS = `${SYSTEM}/Bios`
const REGISTRY = 'BiosAttributeRegistrySim.v1_0_0'
const FILES = '/redfish/v1/Registries'

interface Described {
  readonly type: 'Enumeration' | 'Boolean' | 'Integer'
  readonly values?: readonly string[]
  readonly bounds?: readonly [number, number]
}

const ATTRIBUTES: Readonly<Record<string, Described>> = {
  BootMode: { type: 'Enumeration', values: ['Uefi', 'Bios'] },
  ProcTurboMode: { type: 'Enumeration', values: ['Enabled', 'Disabled'] },
  NumLock: { type: 'Boolean' },
  QuietBootSeconds: { type: 'Integer', bounds: [0, 30] },
}

function check(name: string, value: unknown): void {
  const { type, values, bounds } = ATTRIBUTES[name] ?? refuse('PropertyUnknown', `there is no attribute ${name}`)
  if (type === 'Boolean' && typeof value !== 'boolean') refuse('PropertyValueTypeError', `${name} is true or false`)
  if (type === 'Integer' && !Number.isInteger(value)) refuse('PropertyValueTypeError', `${name} is a whole number`)
  if (bounds && ((value as number) < bounds[0] || (value as number) > bounds[1]))
    refuse('PropertyValueNotInList', `${name} is out of its bounds`)
  if (values && !values.includes(value as string)) refuse('PropertyValueNotInList', `${String(value)} is no ${name}`)
}

function refuse(messageId: string, message: string): never {
  throw new Refusal(400, messageId, message)
}

function setPending(machine: RedfishMachine, body: Body) {
  only(body, ['Attributes', '@Redfish.SettingsApplyTime'])
  const apply = body['@Redfish.SettingsApplyTime'] as { ApplyTime?: unknown } | undefined
  if (apply !== undefined && apply.ApplyTime !== 'OnReset') refuse('PropertyValueNotInList', 'only OnReset is possible')
  const attributes = body['Attributes'] as Record<string, unknown>
  for (const [name, value] of Object.entries(attributes)) check(name, value)
  machine.setBios(attributes)
  const detail = Object.entries(attributes).map(([name, value]) => `${name}=${String(value)}`)
  return { ...done, detail: detail.join(' ') }
}

export function biosResources(machine: RedfishMachine): Record<string, Resource> {
  const head = { '@odata.type': '#Bios.v1_1_0.Bios', Name: 'BIOS', AttributeRegistry: REGISTRY }
  return {
    [BIOS]: {
      what: 'Bios',
      get: () => ({
        ...head,
        '@odata.id': BIOS,
        Id: 'Bios',
        Attributes: machine.bios(),
        '@Redfish.Settings': {
          '@odata.type': '#Settings.v1_3_0.Settings',
          SettingsObject: link(`${BIOS}/Settings`),
          SupportedApplyTimes: ['OnReset'],
        },
        Actions: { '#Bios.ResetBios': { target: `${BIOS}/Actions/Bios.ResetBios` } },
      }),
    },
    [`${BIOS}/Settings`]: {
      what: 'BiosSettings',
      get: () => ({ ...head, '@odata.id': `${BIOS}/Settings`, Id: 'Settings', Attributes: machine.pendingBios() }),
      patch: (body) => setPending(machine, body),
    },
    [`${BIOS}/Actions/Bios.ResetBios`]: {
      what: 'Bios.ResetBios',
      post(body) {
        only(body, [])
        machine.setBios(FACTORY_BIOS)
        return done
      },
    },
    [FILES]: { what: 'Registries', get: () => collection(FILES, 'MessageRegistryFile', [`${FILES}/${REGISTRY}`]) },
    [`${FILES}/${REGISTRY}`]: {
      what: 'MessageRegistryFile',
      get: () => ({
        '@odata.type': '#MessageRegistryFile.v1_1_3.MessageRegistryFile',
        '@odata.id': `${FILES}/${REGISTRY}`,
        Id: REGISTRY,
        Name: 'BIOS Attribute Registry',
        Description: 'What the BIOS attributes mean',
        Languages: ['en'],
        Registry: REGISTRY,
        Location: [{ Language: 'en', Uri: `/registries/${REGISTRY}.json` }],
      }),
    },
    [`/registries/${REGISTRY}.json`]: { what: 'AttributeRegistry', get: registry },
  }
}

function registry(): Record<string, unknown> {
  const attributes = Object.entries(ATTRIBUTES).map(([name, { type, values, bounds }]) => ({
    AttributeName: name,
    DisplayName: name,
    Type: type,
    ReadOnly: false,
    ResetRequired: true,
    IsSystemUniqueProperty: false,
    DefaultValue: FACTORY_BIOS[name],
    ...(bounds && { LowerBound: bounds[0], UpperBound: bounds[1] }),
    ...(values && { Value: values.map((value) => ({ ValueName: value, ValueDisplayName: value })) }),
  }))
  return {
    '@odata.type': '#AttributeRegistry.v1_3_6.AttributeRegistry',
    Id: REGISTRY,
    Name: 'BIOS Attribute Registry',
    Language: 'en',
    OwningEntity: 'Ferrule',
    RegistryVersion: '1.0.0',
    SupportedSystems: [],
    RegistryEntries: { Attributes: attributes, Menus: [], Dependencies: [] },
  }
}
