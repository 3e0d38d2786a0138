// The config drive of an instance: what the deployment brought, completed by the networks that the node describes (network_data), or that its network
// interface knows.
import { gzipSync } from 'node:zlib'
import { FaultError } from '../../shared/faults.ts'
import { BLOB } from '../../shared/sealing.ts'
import { buildConfigDrive, type ConfigDriveContent } from '../config-drive/config-drive.ts'
import type { StepContext } from '../driver.ts'
import { deployContext, openSecret } from './task-context.ts'

/** Its parts; or base64 of a gzipped ISO, or a URL, where the deployment brought that; undefined when the instance has none. */
export async function driveContentOf(context: StepContext<unknown>): Promise<ConfigDriveContent | string | undefined> {
  return await withNetworks(context, await givenTo(context))
}

/** As base64 of a gzipped ISO, or a URL; undefined when the instance has none. */
export async function configDriveOf(context: StepContext<unknown>): Promise<string | undefined> {
  const content = await driveContentOf(context)
  if (content === undefined || typeof content === 'string') return content
  const { node, env } = context
  try {
    const iso = buildConfigDrive(content, {
      node: { uuid: node.node, name: node.name },
      time: new Date(env.now()),
    })
    return gzipSync(iso).toString('base64')
  } catch (cause) {
    throw new FaultError('config_drive.invalid', `the config drive cannot be made: ${(cause as Error).message}`, {
      cause,
    })
  }
}

/** What came with the deployment: parts, or text that is the drive or where it is. */
async function givenTo(context: StepContext<unknown>): Promise<ConfigDriveContent | string | undefined> {
  const { configdrive } = deployContext(context).instance_info
  const isKept = typeof configdrive === 'string' && configdrive.startsWith(BLOB)
  const given = isKept ? await context.site.blob(configdrive.slice(BLOB.length)) : configdrive
  const plain = typeof given === 'string' ? await openSecret(context, 'instance_info.configdrive', given) : given
  if (plain === undefined || plain === null || plain === '') return undefined
  const isParts = typeof plain === 'string' && plain.startsWith('{')
  return (isParts ? JSON.parse(plain) : plain) as ConfigDriveContent | string
}

/** Completed by what the node says of its networks, or else, where there is a drive, by what its network interface knows of them. */
async function withNetworks(
  context: StepContext<unknown>,
  given: ConfigDriveContent | string | undefined,
): Promise<ConfigDriveContent | string | undefined> {
  const networks = deployContext(context).network_data
  if (typeof given === 'string') return given
  if (Object.keys(networks).length > 0) return { network_data: networks, ...given }
  if (given === undefined || given.network_data !== undefined) return given
  const found = await context.other('network')?.networkData?.(context as StepContext)
  return found === undefined ? given : { network_data: found, ...given }
}
