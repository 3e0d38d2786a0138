// The manager (the BMC itself) with its virtual media, the update service, and the chassis with its light and sensors (DSP2046).
import type { RedfishMachine } from './machine.ts'
import { collection, done, link, oneOf, only, Refusal, type Resource, text } from './resource.ts'
import { SYSTEM } from './system.ts'
import type { Tasks } from './tasks.ts'

const MANAGER = '/redfish/v1/Managers/1'
const CHASSIS = '/redfish/v1/Chassis/1'
const UPDATE = '/redfish/v1/UpdateService'
const INVENTORY = `${UPDATE}/FirmwareInventory`

const enabled = { State: 'Enabled', Health: 'OK' }

export function mediaResources({ media }: RedfishMachine): Record<string, Resource> {
  const place = `${MANAGER}/VirtualMedia`
  return {
    [place]: {
      what: 'VirtualMediaCollection',
      get: () =>
        collection(
          place,
          'VirtualMedia',
          media.map(({ id }) => `${place}/${id}`),
        ),
    },
    ...Object.fromEntries(
      media.flatMap((medium): [string, Resource][] => {
        const path = `${place}/${medium.id}`
        const [insert, eject] = [`${path}/Actions/VirtualMedia.InsertMedia`, `${path}/Actions/VirtualMedia.EjectMedia`]
        const get = () => ({
          '@odata.type': '#VirtualMedia.v1_3_0.VirtualMedia',
          '@odata.id': path,
          Id: medium.id,
          Name: `Virtual ${medium.id}`,
          MediaTypes: medium.mediaTypes,
          Image: medium.image,
          ImageName: medium.image?.split('/').at(-1) ?? null,
          Inserted: medium.image !== null,
          WriteProtected: true,
          ConnectedVia: medium.image === null ? 'NotConnected' : 'URI',
          Actions: { '#VirtualMedia.InsertMedia': { target: insert }, '#VirtualMedia.EjectMedia': { target: eject } },
        })
        const insertMedia: Resource = {
          what: 'VirtualMedia.InsertMedia',
          post(body) {
            only(body, ['Image', 'Inserted', 'WriteProtected', 'UserName', 'Password', 'TransferMethod'])
            if (medium.image !== null) throw new Refusal(409, 'ResourceInUse', 'there is a medium in it already')
            medium.image = text(body, 'Image')
            return { ...done, detail: `${medium.id} ${medium.image}` }
          },
        }
        const ejectMedia: Resource = {
          what: 'VirtualMedia.EjectMedia',
          post() {
            if (medium.image === null) throw new Refusal(409, 'ResourceMissing', 'there is no medium in it')
            medium.image = null
            return { ...done, detail: medium.id }
          },
        }
        return [
          [path, { what: 'VirtualMedia', get }],
          [insert, insertMedia],
          [eject, ejectMedia],
        ]
      }),
    ),
  }
}

export function managerResources(machine: RedfishMachine): Record<string, Resource> {
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
        VirtualMedia: link(`${MANAGER}/VirtualMedia`),
        Links: { ManagerForServers: [link(SYSTEM)], ManagerForChassis: [link(CHASSIS)] },
        Actions: {
          '#Manager.Reset': {
            target: `${MANAGER}/Actions/Manager.Reset`,
            'ResetType@Redfish.AllowableValues': ['ForceRestart', 'GracefulRestart'],
          },
        },
      }),
    },
    ...mediaResources(machine),
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
        const [component] = ((body['Targets'] as string[] | undefined) ?? []).map((path) => path.split('/').at(-1)!)
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
