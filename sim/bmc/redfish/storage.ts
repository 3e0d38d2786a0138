// A RAID controller with its drives and volumes (DSP2046: Storage, Drive, Volume). A drive is in one volume at most.
import type { RedfishMachine, Volume } from './machine.ts'
import { type Body, collection, done, link, oneOf, only, type Outcome, Refusal, type Resource } from './resource.ts'
import { SYSTEM } from './system.ts'
import type { Tasks } from './tasks.ts'

const STORAGE = `${SYSTEM}/Storage`
const RAID = `${STORAGE}/RAID.1`

/** Least number of drives, and how many of them hold data. */
const LEVELS: Readonly<Record<string, readonly [number, (drives: number) => number]>> = {
  RAID0: [1, (n) => n],
  RAID1: [2, () => 1],
  RAID5: [3, (n) => n - 1],
  RAID6: [4, (n) => n - 2],
  RAID10: [4, (n) => n / 2],
}

export interface StorageOptions {
  readonly machine: RedfishMachine
  readonly tasks: Tasks
  /** How this controller does its work: at once, by a task, or at the next start. */
  readonly applies: () => 'at once' | 'by a task' | 'at the next start'
}

function perform({ tasks, applies }: StorageOptions, work: () => void, detail: string, atOnce: Outcome): Outcome {
  if (applies() !== 'at once') return { ...tasks.begin(work, applies() === 'by a task' ? 2 : 'start'), detail }
  work()
  return { ...atOnce, detail }
}

function create(options: StorageOptions, body: Body): Outcome {
  const { machine, applies } = options
  only(body, ['Name', 'RAIDType', 'CapacityBytes', 'Links', '@Redfish.OperationApplyTime'])
  const wanted = applies() === 'at the next start' ? 'OnReset' : 'Immediate'
  if (body['@Redfish.OperationApplyTime'] !== undefined) oneOf(body, '@Redfish.OperationApplyTime', [wanted])
  const raidType = oneOf(body, 'RAIDType', Object.keys(LEVELS))
  const [least, data] = LEVELS[raidType]!
  const named = (body['Links'] as { Drives?: { '@odata.id'?: string }[] } | undefined)?.Drives ?? []
  const drives = named.map((each) => each['@odata.id']?.split('/').at(-1) ?? '')
  const found = machine.drives.filter(({ id }) => drives.includes(id))
  if (found.length !== drives.length) throw new Refusal(400, 'ResourceNotFound', 'there is no such drive')
  if (found.length < least) throw new Refusal(400, 'PropertyValueError', `${raidType} needs ${least} drives`)
  if (machine.volumes.some((volume) => volume.drives.some((id) => drives.includes(id))))
    throw new Refusal(409, 'ResourceInUse', 'a drive is in another volume')
  const most = data(found.length) * found[0]!.capacityBytes
  const bytes = (body['CapacityBytes'] as number | undefined) ?? most
  if (!(bytes > 0 && bytes <= most)) throw new Refusal(400, 'PropertyValueNotInList', 'there is not so much room')
  const id = String(++machine.volumesMade)
  const volume: Volume = { id, name: String(body['Name'] ?? `Volume ${id}`), raidType, capacityBytes: bytes, drives }
  const work = () => void (machine.volumes = [...machine.volumes, volume])
  const path = `${RAID}/Volumes/${id}`
  return perform(options, work, `${raidType} ${drives.join(' ')}`, { status: 201, headers: { location: path } })
}

export function storageResources(options: StorageOptions): Record<string, Resource> {
  const { machine, applies } = options
  const driveOf = (id: string) => `${RAID}/Drives/${id}`
  const times = applies() === 'at the next start' ? ['OnReset'] : ['Immediate']
  return {
    [STORAGE]: { what: 'StorageCollection', get: () => collection(STORAGE, 'Storage', [RAID]) },
    [RAID]: {
      what: 'Storage',
      get: () => ({
        '@odata.type': '#Storage.v1_8_0.Storage',
        '@odata.id': RAID,
        Id: 'RAID.1',
        Name: 'RAID Controller',
        Status: { State: 'Enabled', Health: 'OK' },
        StorageControllers: [
          {
            '@odata.id': `${RAID}#/StorageControllers/0`,
            MemberId: '0',
            Name: 'RAID Controller',
            Status: { State: 'Enabled', Health: 'OK' },
            SupportedControllerProtocols: ['PCIe'],
            SupportedDeviceProtocols: ['SAS', 'SATA'],
            SupportedRAIDTypes: Object.keys(LEVELS),
          },
        ],
        Drives: machine.drives.map(({ id }) => link(driveOf(id))),
        'Drives@odata.count': machine.drives.length,
        Volumes: link(`${RAID}/Volumes`),
      }),
    },
    ...Object.fromEntries(
      machine.drives.map(({ id, capacityBytes, mediaType, protocol }) => [
        driveOf(id),
        {
          what: 'Drive',
          get: () => ({
            '@odata.type': '#Drive.v1_9_1.Drive',
            '@odata.id': driveOf(id),
            Id: id,
            Name: `Drive ${id}`,
            Model: 'Simulated drive',
            SerialNumber: `SN-${id}`,
            CapacityBytes: capacityBytes,
            MediaType: mediaType,
            Protocol: protocol,
            Status: { State: 'Enabled', Health: 'OK' },
          }),
        } satisfies Resource,
      ]),
    ),
    [`${RAID}/Volumes`]: {
      what: 'VolumeCollection',
      get: () => ({
        ...collection(
          `${RAID}/Volumes`,
          'Volume',
          machine.volumes.map(({ id }) => `${RAID}/Volumes/${id}`),
        ),
        '@Redfish.OperationApplyTimeSupport': {
          '@odata.type': '#Settings.v1_3_0.OperationApplyTimeSupport',
          SupportedValues: times,
        },
      }),
      post: (body) => create(options, body),
    },
    ...Object.fromEntries(
      machine.volumes.map((volume) => [
        `${RAID}/Volumes/${volume.id}`,
        {
          what: 'Volume',
          get: () => ({
            '@odata.type': '#Volume.v1_4_1.Volume',
            '@odata.id': `${RAID}/Volumes/${volume.id}`,
            Id: volume.id,
            Name: volume.name,
            RAIDType: volume.raidType,
            CapacityBytes: volume.capacityBytes,
            Status: { State: 'Enabled', Health: 'OK' },
            Links: { Drives: volume.drives.map((id) => link(driveOf(id))) },
          }),
          remove: () => {
            const work = () => void (machine.volumes = machine.volumes.filter(({ id }) => id !== volume.id))
            return perform(options, work, volume.name, done)
          },
        } satisfies Resource,
      ]),
    ),
  }
}
