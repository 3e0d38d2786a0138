// The ComputerSystem of the simulated BMC, with its BIOS, secure boot and network cards (DSP2046).
import { HTTP_DEVICE, type PowerAction } from '../chassis.ts'
import type { RedfishMachine } from './machine.ts'
import { collection, done, link, oneOf, only, type Outcome, Refusal, type Resource, text } from './resource.ts'

export const SYSTEM = '/redfish/v1/Systems/1'

/** IPMI's number of each boot source (IPMI 2.0 Table 28-14). */
const TARGETS: Readonly<Record<string, number>> = {
  None: 0,
  Pxe: 1,
  Hdd: 2,
  Cd: 5,
  UsbCd: 5,
  BiosSetup: 6,
  UefiHttp: HTTP_DEVICE,
}
export const BOOT_TARGETS = ['None', 'Pxe', 'Hdd', 'Cd', 'BiosSetup', 'UefiHttp']
const RESETS: Readonly<Record<string, PowerAction>> = {
  On: 'on',
  ForceOff: 'off',
  GracefulShutdown: 'soft',
  ForceRestart: 'reset',
  GracefulRestart: 'reset',
  PowerCycle: 'cycle',
  Nmi: 'diag',
}
const KEY_RESETS: Readonly<Record<string, 'default' | 'none'>> = {
  ResetAllKeysToDefault: 'default',
  DeleteAllKeys: 'none',
}
const LEDS = ['Lit', 'Off', 'Blinking']

export interface SystemOptions {
  readonly machine: RedfishMachine
  /** As the BMC shows it: On, Off, PoweringOn, PoweringOff. */
  readonly powerState: () => string
  readonly reset: (action: PowerAction) => Outcome
  readonly targets: () => readonly string[]
  /** Are virtual media the system's? */
  readonly hasMedia: () => boolean
  /** False: an override lasts for one start, whatever is asked for. */
  readonly knowsContinuous: () => boolean
  /** Is the machine testing itself, and its BMC takes no settings? Asked with each. */
  readonly inPost: () => boolean
}

function bootOf({ machine, targets }: SystemOptions): Record<string, unknown> {
  const { efi, chassis, bootTarget, httpBootUri } = machine
  const { valid, persistent, device } = chassis.boot()
  const names = [bootTarget, ...Object.keys(TARGETS)]
  const target = valid ? (names.find((name) => TARGETS[name] === device) ?? 'None') : 'None'
  return {
    BootSourceOverrideTarget: target,
    BootSourceOverrideEnabled: target === 'None' ? 'Disabled' : persistent ? 'Continuous' : 'Once',
    BootSourceOverrideMode: efi ? 'UEFI' : 'Legacy',
    HttpBootUri: httpBootUri,
    'BootSourceOverrideTarget@Redfish.AllowableValues': targets(),
    'BootSourceOverrideMode@Redfish.AllowableValues': ['UEFI', 'Legacy'],
  }
}

function setBoot(options: SystemOptions, wanted: Record<string, unknown>): string {
  const { machine, knowsContinuous, targets } = options
  const { chassis } = machine
  const names = ['BootSourceOverrideTarget', 'BootSourceOverrideEnabled', 'BootSourceOverrideMode', 'HttpBootUri']
  only(wanted, names)
  // As Supermicro's do: a target alone is taken, and forgotten (https://storyboard.openstack.org/#!/story/2008547).
  if (machine.facts.manufacturer === 'Supermicro' && wanted[names[1]!] === undefined) return 'forgotten'
  const now = bootOf(options)
  const next = { ...now, ...wanted }
  const target = oneOf(next, names[0]!, targets())
  const enabled = oneOf(next, names[1]!, ['Once', 'Continuous', 'Disabled'])
  const mode = oneOf(next, names[2]!, ['UEFI', 'Legacy'])
  if (enabled === 'Continuous' && !knowsContinuous())
    throw new Refusal(400, 'PropertyValueNotInList', 'Continuous is not a value of BootSourceOverrideEnabled')
  machine.efi = mode === 'UEFI'
  machine.bootTarget = target
  if ('HttpBootUri' in wanted) machine.httpBootUri = wanted['HttpBootUri'] === null ? '' : text(wanted, 'HttpBootUri')
  const valid = enabled !== 'Disabled' && target !== 'None'
  chassis.setBoot({
    valid,
    persistent: enabled === 'Continuous',
    efi: machine.efi,
    device: valid ? TARGETS[target]! : 0,
  })
  return Object.entries(wanted)
    .map(([name, value]) => `${name.replace('BootSourceOverride', '')}=${String(value)}`)
    .join(' ')
}

function patchSystem(options: SystemOptions, body: Readonly<Record<string, unknown>>): Outcome {
  only(body, ['Boot', 'IndicatorLED'])
  if (options.inPost()) throw new Refusal(400, 'UnableToModifyDuringSystemPOST', 'the machine is in its self-test')
  const words: string[] = []
  if (body['IndicatorLED'] !== undefined) {
    const led = oneOf(body, 'IndicatorLED', LEDS)
    options.machine.indicators.set('system', led)
    words.push(`IndicatorLED=${led}`)
  }
  if (body['Boot'] !== undefined) words.push(setBoot(options, body['Boot'] as Record<string, unknown>))
  return { ...done, detail: words.join(' ') }
}

export function systemResources(options: SystemOptions): Record<string, Resource> {
  const { machine, powerState, reset } = options
  const { uuid, serialNumber, macs } = machine.facts
  const actions = `${SYSTEM}/Actions/ComputerSystem.Reset`
  const keys = `${SYSTEM}/SecureBoot/Actions/SecureBoot.ResetKeys`
  const cards = macs.map((mac, i) => [`${SYSTEM}/EthernetInterfaces/${i + 1}`, mac, i] as const)
  return {
    '/redfish/v1/Systems': {
      what: 'Systems',
      get: () => collection('/redfish/v1/Systems', 'ComputerSystem', [SYSTEM]),
    },
    [SYSTEM]: {
      what: 'ComputerSystem',
      get: () => ({
        '@odata.type': '#ComputerSystem.v1_13_0.ComputerSystem',
        '@odata.id': SYSTEM,
        Id: '1',
        Name: 'System',
        SystemType: 'Physical',
        UUID: uuid,
        SerialNumber: serialNumber,
        SKU: 'SIM-SKU',
        Manufacturer: machine.facts.manufacturer,
        Model: 'Simulated',
        BiosVersion: machine.firmware.get('BIOS'),
        PowerState: powerState(),
        IndicatorLED: machine.indicators.get('system'),
        Status: { State: 'Enabled', ...machine.health },
        Boot: bootOf(options),
        ...(options.hasMedia() && { VirtualMedia: link(`${SYSTEM}/VirtualMedia`) }),
        ProcessorSummary: { Count: 2, Model: 'Simulated CPU' },
        MemorySummary: { TotalSystemMemoryGiB: 64, Status: { State: 'Enabled', Health: 'OK' } },
        Bios: link(`${SYSTEM}/Bios`),
        SecureBoot: link(`${SYSTEM}/SecureBoot`),
        Processors: link(`${SYSTEM}/Processors`),
        Storage: link(`${SYSTEM}/Storage`),
        EthernetInterfaces: link(`${SYSTEM}/EthernetInterfaces`),
        Links: { Chassis: [link('/redfish/v1/Chassis/1')], ManagedBy: [link('/redfish/v1/Managers/1')] },
        Actions: {
          '#ComputerSystem.Reset': { target: actions, 'ResetType@Redfish.AllowableValues': Object.keys(RESETS) },
        },
      }),
      patch: (body) => patchSystem(options, body),
    },
    [actions]: {
      what: 'ComputerSystem.Reset',
      post(body) {
        only(body, ['ResetType'])
        const type = oneOf(body, 'ResetType', Object.keys(RESETS))
        if (type === 'Nmi') machine.nmis++
        return { ...reset(RESETS[type]!), detail: type }
      },
    },
    [`${SYSTEM}/SecureBoot`]: {
      what: 'SecureBoot',
      get: () => ({
        '@odata.type': '#SecureBoot.v1_1_0.SecureBoot',
        '@odata.id': `${SYSTEM}/SecureBoot`,
        Id: 'SecureBoot',
        Name: 'UEFI Secure Boot',
        SecureBootEnable: machine.secureBootEnable,
        SecureBootCurrentBoot: machine.secureBootCurrent ? 'Enabled' : 'Disabled',
        SecureBootMode: machine.secureBootKeys === 'none' ? 'SetupMode' : 'UserMode',
        Actions: {
          '#SecureBoot.ResetKeys': {
            target: keys,
            'ResetKeysType@Redfish.AllowableValues': Object.keys(KEY_RESETS),
          },
        },
      }),
      patch(body) {
        only(body, ['SecureBootEnable'])
        if (typeof body['SecureBootEnable'] !== 'boolean')
          throw new Refusal(400, 'PropertyValueTypeError', 'SecureBootEnable must be true or false')
        machine.secureBootEnable = body['SecureBootEnable']
        return { ...done, detail: `SecureBootEnable=${machine.secureBootEnable}` }
      },
    },
    [keys]: {
      what: 'SecureBoot.ResetKeys',
      post(body) {
        only(body, ['ResetKeysType'])
        const type = oneOf(body, 'ResetKeysType', Object.keys(KEY_RESETS))
        machine.secureBootKeys = KEY_RESETS[type]!
        return { ...done, detail: type }
      },
    },
    [`${SYSTEM}/EthernetInterfaces`]: {
      what: 'EthernetInterfaces',
      get: () =>
        collection(
          `${SYSTEM}/EthernetInterfaces`,
          'EthernetInterface',
          cards.map(([path]) => path),
        ),
    },
    ...Object.fromEntries(
      cards.map(([path, mac, i]) => [
        path,
        {
          what: 'EthernetInterface',
          get: () => ({
            '@odata.type': '#EthernetInterface.v1_6_0.EthernetInterface',
            '@odata.id': path,
            Id: String(i + 1),
            Name: `NIC ${i + 1}`,
            MACAddress: mac.toUpperCase(),
            PermanentMACAddress: mac.toUpperCase(),
            SpeedMbps: 10_000,
            LinkStatus: 'LinkUp',
            Status: { State: 'Enabled', Health: 'OK' },
          }),
        } satisfies Resource,
      ]),
    ),
    [`${SYSTEM}/Processors`]: {
      what: 'Processors',
      get: () => collection(`${SYSTEM}/Processors`, 'Processor', [`${SYSTEM}/Processors/1`, `${SYSTEM}/Processors/2`]),
    },
    ...Object.fromEntries(
      ['1', '2'].map((id) => [
        `${SYSTEM}/Processors/${id}`,
        {
          what: 'Processor',
          get: () => ({
            '@odata.type': '#Processor.v1_9_0.Processor',
            '@odata.id': `${SYSTEM}/Processors/${id}`,
            Id: id,
            Name: `CPU ${id}`,
            Socket: `CPU ${id}`,
            ProcessorType: 'CPU',
            ProcessorArchitecture: 'x86',
            InstructionSet: 'x86-64',
            Manufacturer: 'Simulated',
            Model: 'Simulated CPU',
            MaxSpeedMHz: 3200,
            TotalCores: 16,
            TotalThreads: 32,
            Status: { State: 'Enabled', Health: 'OK' },
          }),
        } satisfies Resource,
      ]),
    ),
  }
}
