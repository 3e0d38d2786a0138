// The config drive: an ISO 9660 volume labelled config-2 from which cloud-init and its kind configure a new machine.
// Layout of OpenStack: openstack/latest/{meta_data.json,network_data.json,vendor_data.json,user_data}.
import { buildIso } from './iso9660.ts'
import type { IsoFile } from './iso9660.ts'

type Json = Readonly<Record<string, unknown>>

/** As a deploy request carries it. What is absent gets no file; meta_data.json is always there. */
export interface ConfigDriveContent {
  readonly meta_data?: Json
  readonly network_data?: Json
  readonly vendor_data?: Json
  /** A script or cloud-config as text or bytes; an object or array becomes JSON (Ignition). */
  readonly user_data?: string | Uint8Array | Json | readonly unknown[]
}

export interface ConfigDriveOptions {
  /** Fills meta_data's `uuid`, `name` and `hostname` where the content leaves them out. */
  readonly node: { readonly uuid: string; readonly name?: string | null }
  /** Dates the volume, so that a repeated build gives the same bytes. */
  readonly time: Date
}

export const CONFIG_DRIVE_LABEL = 'config-2'

/** The partition it is written to is no larger. */
export const CONFIG_DRIVE_MAX_BYTES = 64 * 2 ** 20

/** More content than a config drive can carry. */
export class ConfigDriveTooLarge extends Error {}

const encoder = new TextEncoder()

/** What is on the drive: paths below its root. */
export function configDriveFiles(content: ConfigDriveContent, node: ConfigDriveOptions['node']): IsoFile[] {
  const name = node.name ? { name: node.name, hostname: node.name } : {}
  const metaData = { uuid: node.uuid, ...name, ...content.meta_data }
  return [
    jsonFile('meta_data.json', metaData),
    ...(content.network_data === undefined ? [] : [jsonFile('network_data.json', content.network_data)]),
    ...(content.vendor_data === undefined ? [] : [jsonFile('vendor_data.json', content.vendor_data)]),
    ...(content.user_data === undefined ? [] : [file('user_data', userDataBytes(content.user_data))]),
  ]
}

/** The volume's bytes, a multiple of 2048. Throws ConfigDriveTooLarge above 64 MiB. */
export function buildConfigDrive(content: ConfigDriveContent, { node, time }: ConfigDriveOptions): Uint8Array {
  const files = configDriveFiles(content, node)
  const dataBytes = files.reduce((sum, { bytes }) => sum + bytes.length, 0)
  if (dataBytes > CONFIG_DRIVE_MAX_BYTES) throw tooLarge(dataBytes)
  const volume = buildIso(files, { label: CONFIG_DRIVE_LABEL, time })
  if (volume.length > CONFIG_DRIVE_MAX_BYTES) throw tooLarge(volume.length)
  return volume
}

function userDataBytes(userData: NonNullable<ConfigDriveContent['user_data']>): Uint8Array {
  if (userData instanceof Uint8Array) return userData
  return encoder.encode(typeof userData === 'string' ? userData : JSON.stringify(userData))
}

const file = (name: string, bytes: Uint8Array): IsoFile => ({ path: `openstack/latest/${name}`, bytes })
const jsonFile = (name: string, value: Json) => file(name, encoder.encode(JSON.stringify(value)))

function tooLarge(bytes: number): ConfigDriveTooLarge {
  return new ConfigDriveTooLarge(`a config drive of ${bytes} bytes; at most ${CONFIG_DRIVE_MAX_BYTES} fit`)
}
