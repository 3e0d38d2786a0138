// The manager (the BMC itself) with its virtual media, the update service, and the chassis with its light and sensors (DSP2046).
import type { RedfishMachine } from './machine.ts'
import { collection, done, link, oneOf, only, Refusal, type Resource, text } from './resource.ts'
import type { Quirks } from './server.ts'
import { SYSTEM } from './system.ts'
import type { Tasks } from './tasks.ts'

export const MANAGER = '/redfish/v1/Managers/1'
const CHASSIS = '/redfish/v1/Chassis/1'
const UPDATE = '/redfish/v1/UpdateService'
const INVENTORY = `${UPDATE}/FirmwareInventory`

const enabled = { State: 'Enabled', Health: 'OK' }

export interface ManagerOptions {
  readonly machine: RedfishMachine
  /** Virtual media are the manager's, not the system's. */
  readonly hasMedia: boolean
  readonly kvm: Quirks['kvm']
  /** The clock is somebody else's, or its offset is. */
  readonly fixed: 'clock' | 'offset' | undefined
}

/** In whole seconds, as BMCs have it. */
function shownTime({ aheadMs, offset }: RedfishMachine['clock']): string {
  const [hours = 0, minutes = 0] = offset.slice(1).split(':').map(Number)
  const ms = (offset.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000
  return `${new Date(Date.now() + aheadMs + ms).toISOString().slice(0, 19)}${offset}`
}

export function managerResources({ machine, hasMedia, kvm, fixed }: ManagerOptions): Record<string, Resource> {
  return {
    '/redfish/v1/Managers': {
      what: 'Managers',
      get: () => collection('/redfish/v1/Managers', 'Manager', [MANAGER]),
    },
    [MANAGER]: {
      what: 'Manager',
      get: () => ({
        '@odata.type': '#Manager.v1_10_0.Manager',
        '@odata.id': MANAGER,
        Id: '1',
        Name: 'Manager',
        ManagerType: 'BMC',
        UUID: machine.facts.uuid,
        FirmwareVersion: machine.firmware.get('BMC'),
        Status: enabled,
        PowerState: 'On',
        ...(kvm !== 'none' && {
          GraphicalConsole: {
            ServiceEnabled: kvm !== 'off',
            MaxConcurrentSessions: 4,
            ConnectTypesSupported: [kvm === 'oem' ? 'OEM' : 'KVMIP'],
          },
        }),
        DateTime: shownTime(machine.clock),
        DateTimeLocalOffset: machine.clock.offset,
        ...(hasMedia && { VirtualMedia: link(`${MANAGER}/VirtualMedia`) }),
        Links: { ManagerForServers: [link(SYSTEM)], ManagerForChassis: [link(CHASSIS)] },
        Actions: {
          '#Manager.Reset': {
            target: `${MANAGER}/Actions/Manager.Reset`,
            'ResetType@Redfish.AllowableValues': ['ForceRestart', 'GracefulRestart'],
          },
        },
      }),
      patch(body) {
        only(body, ['DateTime', 'DateTimeLocalOffset'])
        const isRefused = fixed === 'clock' || (fixed === 'offset' && body['DateTimeLocalOffset'] !== undefined)
        if (isRefused) throw new Refusal(400, 'PropertyNotWritable', `the ${fixed} is a read only property`)
        const offset =
          body['DateTimeLocalOffset'] === undefined ? machine.clock.offset : text(body, 'DateTimeLocalOffset')
        const time = text(body, 'DateTime')
        if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)$/.test(time))
          throw new Refusal(400, 'PropertyValueFormatError', `${time} is no time`)
        machine.clock = { aheadMs: Date.parse(time) - Date.now(), offset }
        return { ...done, detail: `offset ${offset}` }
      },
    },
  }
}

export function chassisResources({ indicators, chassis, facts }: RedfishMachine): Record<string, Resource> {
  const warm = chassis.power() === 'on'
  return {
    '/redfish/v1/Chassis': {
      what: 'ChassisCollection',
      get: () => collection('/redfish/v1/Chassis', 'Chassis', [CHASSIS]),
    },
    [CHASSIS]: {
      what: 'Chassis',
      get: () => ({
        '@odata.type': '#Chassis.v1_15_0.Chassis',
        '@odata.id': CHASSIS,
        Id: '1',
        Name: 'Chassis',
        ChassisType: 'RackMount',
        Manufacturer: 'Ferrule',
        SerialNumber: facts.serialNumber,
        PowerState: 'On',
        IndicatorLED: indicators.get('chassis'),
        Status: enabled,
        Thermal: link(`${CHASSIS}/Thermal`),
        Power: link(`${CHASSIS}/Power`),
        Links: { ComputerSystems: [link(SYSTEM)], ManagedBy: [link(MANAGER)] },
      }),
      patch(body) {
        only(body, ['IndicatorLED'])
        const led = oneOf(body, 'IndicatorLED', ['Lit', 'Off', 'Blinking'])
        indicators.set('chassis', led)
        return { ...done, detail: `IndicatorLED=${led}` }
      },
    },
    [`${CHASSIS}/Thermal`]: {
      what: 'Thermal',
      get: () => ({
        '@odata.type': '#Thermal.v1_6_2.Thermal',
        '@odata.id': `${CHASSIS}/Thermal`,
        Id: 'Thermal',
        Name: 'Thermal',
        Fans: [{ MemberId: 'Fan.1', Name: 'Fan 1', Reading: warm ? 6_000 : 0, ReadingUnits: 'RPM', Status: enabled }],
        Temperatures: [{ MemberId: 'Inlet', Name: 'Inlet', ReadingCelsius: warm ? 24 : 20, Status: enabled }],
      }),
    },
    [`${CHASSIS}/Power`]: {
      what: 'Power',
      get: () => ({
        '@odata.type': '#Power.v1_6_0.Power',
        '@odata.id': `${CHASSIS}/Power`,
        Id: 'Power',
        Name: 'Power',
        PowerSupplies: [
          { MemberId: 'PSU.1', Name: 'PSU 1', LineInputVoltage: 230, PowerCapacityWatts: 750, Status: enabled },
        ],
      }),
    },
  }
}

export interface UpdateOptions {
  readonly machine: RedfishMachine
  readonly tasks: Tasks
  /** Do updates end badly? */
  readonly fails: () => boolean
}

/** The version is in the image's name, as vendors have it: bios-1.2.3.bin. One of the BIOS is in force after a start. */
export function updateResources({ machine, tasks, fails }: UpdateOptions): Record<string, Resource> {
  const { firmware } = machine
  const action = `${UPDATE}/Actions/UpdateService.SimpleUpdate`
  return {
    [UPDATE]: {
      what: 'UpdateService',
      get: () => ({
        '@odata.type': '#UpdateService.v1_8_1.UpdateService',
        '@odata.id': UPDATE,
        Id: 'UpdateService',
        Name: 'Update Service',
        ServiceEnabled: true,
        Status: enabled,
        FirmwareInventory: link(INVENTORY),
        Actions: {
          '#UpdateService.SimpleUpdate': {
            target: action,
            'TransferProtocol@Redfish.AllowableValues': ['HTTP', 'HTTPS'],
          },
        },
      }),
    },
    [action]: {
      what: 'UpdateService.SimpleUpdate',
      post(body) {
        only(body, ['ImageURI', 'Targets', 'TransferProtocol'])
        const url = text(body, 'ImageURI')
        const version = /(\d+(?:\.\d+)+)[^/]*$/.exec(url)?.[1]
        const targets = body['Targets'] as string[] | undefined
        // Without targets it looks into the image; here its name is what is in it.
        const component = targets ? targets[0]?.split('/').at(-1) : /(bios|bmc)[^/]*$/i.exec(url)?.[1]?.toUpperCase()
        if (version === undefined || component === undefined || !firmware.has(component))
          throw new Refusal(400, 'ResourceNotFound', 'there is nothing to be updated with this')
        const write = () => void firmware.set(component, version)
        const work = component === 'BIOS' ? () => machine.atStart(write) : write
        return { ...tasks.begin(work, 3, fails()), detail: `${component} ${version}` }
      },
    },
    [INVENTORY]: {
      what: 'FirmwareInventory',
      get: () =>
        collection(
          INVENTORY,
          'SoftwareInventory',
          [...firmware.keys()].map((id) => `${INVENTORY}/${id}`),
        ),
    },
    ...Object.fromEntries(
      [...firmware].map(([id, version]) => [
        `${INVENTORY}/${id}`,
        {
          what: 'SoftwareInventory',
          get: () => ({
            '@odata.type': '#SoftwareInventory.v1_3_0.SoftwareInventory',
            '@odata.id': `${INVENTORY}/${id}`,
            Id: id,
            Name: `${id} firmware`,
            Version: version,
            Manufacturer: 'Ferrule',
            Updateable: id !== 'NIC.1',
            Status: enabled,
          }),
        } satisfies Resource,
      ]),
    ),
  }
}
