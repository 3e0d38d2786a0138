// Storage controllers of a system with their drives and volumes (DSP2046: Storage, Drive, Volume).
import { z } from 'zod'
import { memberPaths } from './collection.ts'
import { RedfishError } from './errors.ts'
import type { Changing, Reading } from './requests.ts'
import { Link, type Session } from './session.ts'
import type { ComputerSystem } from './system.ts'
import type { Answer } from './wire.ts'

const text = z.string().nullish()

const StorageResource = z.object({
  Id: z.string(),
  Drives: z.array(Link).max(500).nullish(),
  Volumes: Link.nullish(),
})
const DriveResource = z.object({
  Id: z.string(),
  Name: text,
  Model: text,
  SerialNumber: text,
  CapacityBytes: z.number().nullish(),
  MediaType: text,
  Protocol: text,
})
const VolumeResource = z.object({
  Id: z.string(),
  Name: text,
  DisplayName: text,
  RAIDType: text,
  VolumeType: text,
  CapacityBytes: z.number().nullish(),
  Links: z.object({ Drives: z.array(Link).nullish() }).nullish(),
})
const VolumesResource = z.object({
  '@Redfish.OperationApplyTimeSupport': z.object({ SupportedValues: z.array(z.string()).nullish() }).nullish(),
})

export interface Drive {
  readonly path: string
  readonly id: string
  readonly model: string | undefined
  readonly serialNumber: string | undefined
  readonly bytes: number
  readonly media: string | undefined
  readonly protocol: string | undefined
}

export interface Volume {
  readonly path: string
  readonly id: string
  readonly name: string | undefined
  readonly raidType: string | undefined
  readonly bytes: number
  readonly drives: readonly string[]
}

export interface Controller {
  readonly id: string
  readonly drives: readonly Drive[]
  /** Undefined where it makes no volumes. */
  readonly volumesPath: string | undefined
  readonly volumes: readonly Volume[]
  readonly applyTimes: readonly string[]
}

/** All controllers; none where the BMC shows no storage. */
export async function getControllers(
  session: Session,
  system: ComputerSystem,
  options: Reading,
): Promise<Controller[]> {
  if (!system.Storage) return []
  const found: Controller[] = []
  for (const path of await memberPaths(session, system.Storage['@odata.id'], options)) {
    const { value } = await session.get(path, StorageResource, options)
    const drives: Drive[] = []
    for (const link of value.Drives ?? []) drives.push(await getDrive(session, link['@odata.id'], options))
    found.push({ id: value.Id, drives, ...(await getVolumes(session, value.Volumes?.['@odata.id'], options)) })
  }
  return found
}

async function getDrive(session: Session, reference: string, options: Reading): Promise<Drive> {
  const { value, path } = await session.get(session.path(reference), DriveResource, options)
  return {
    path,
    id: value.Id,
    model: value.Model ?? undefined,
    serialNumber: value.SerialNumber ?? undefined,
    bytes: value.CapacityBytes ?? 0,
    media: value.MediaType ?? undefined,
    protocol: value.Protocol ?? undefined,
  }
}

async function getVolumes(
  session: Session,
  reference: string | undefined,
  options: Reading,
): Promise<Pick<Controller, 'volumesPath' | 'volumes' | 'applyTimes'>> {
  if (reference === undefined) return { volumesPath: undefined, volumes: [], applyTimes: [] }
  const volumesPath = session.path(reference)
  const { value } = await session.get(volumesPath, VolumesResource, options)
  const volumes: Volume[] = []
  for (const path of await memberPaths(session, volumesPath, options)) {
    const { value: volume } = await session.get(path, VolumeResource, options)
    // A drive by itself is shown as a volume by some controllers.
    if (volume.VolumeType === 'RawDevice') continue
    volumes.push({
      path,
      id: volume.Id,
      name: volume.DisplayName ?? volume.Name ?? undefined,
      raidType: volume.RAIDType ?? undefined,
      bytes: volume.CapacityBytes ?? 0,
      drives: (volume.Links?.Drives ?? []).map((link) => session.path(link['@odata.id'])).sort(),
    })
  }
  return { volumesPath, volumes, applyTimes: value['@Redfish.OperationApplyTimeSupport']?.SupportedValues ?? [] }
}

export interface NewVolume {
  readonly name: string
  readonly raidType: string
  /** Undefined: as much as there is. */
  readonly bytes: number | undefined
  readonly drives: readonly string[]
}

/** Not to be repeated: each makes another one. */
export async function createVolume(
  session: Session,
  controller: Controller,
  { name, raidType, bytes, drives }: NewVolume,
  options: Changing,
): Promise<Answer> {
  if (controller.volumesPath === undefined)
    throw new RedfishError('missing', `the controller ${controller.id} makes no volumes`)
  const applyTime = controller.applyTimes.find((each) => each === 'Immediate' || each === 'OnReset')
  const body = {
    Name: name,
    RAIDType: raidType,
    ...(bytes !== undefined && { CapacityBytes: bytes }),
    Links: { Drives: drives.map((path) => ({ '@odata.id': path })) },
    ...(applyTime !== undefined && { '@Redfish.OperationApplyTime': applyTime }),
  }
  return await session.post(controller.volumesPath, body, options)
}

export async function deleteVolume(session: Session, { path }: Volume, options: Changing): Promise<Answer | false> {
  return await session.remove(path, options)
}
