// Config drives, given with a verb or in instance_info: each may hold passwords, so it is sealed to the site and kept in the blob store; rows and
// answers have ****** in its place.
import { z } from 'zod'
import { FaultError } from '../../../shared/faults.ts'
import { uuidv7 } from '../../../shared/ids.ts'
import { MASK, seal } from '../../../shared/sealing.ts'
import type { PatchOperation } from '../../site-hub/commands.ts'
import { check } from '../body.ts'
import type { Call } from '../call.ts'
import { need } from '../microversion.ts'
import { Dict } from '../shapes.ts'
import { findSite } from '../sites/find.ts'

/** Base64 of a gzipped image, a place to get it from, or its parts. */
export const ConfigDrive = z.union([
  z.string(),
  z.strictObject({
    meta_data: Dict.optional(),
    network_data: Dict.optional(),
    user_data: z.union([z.string(), Dict, z.array(z.unknown())]).optional(),
    vendor_data: Dict.optional(),
  }),
])

export interface Target {
  readonly uuid: string
  readonly site: string
}

/** Seals the config drive and stores it. Answers its key. */
export async function keepConfigDrive(call: Call, node: Target, given: z.output<typeof ConfigDrive>): Promise<string> {
  if (typeof given !== 'string') need(call.version, given.vendor_data === undefined ? 56 : 59, 'This config drive')
  else if (!given.includes('://') && !/^[A-Za-z0-9+/=\s]*$/.test(given)) {
    throw new FaultError('config_drive.invalid', 'The config drive is neither base64 nor a URL.')
  }
  const plain = typeof given === 'string' ? given : JSON.stringify(given)
  const sealed = await sealFor(call, node, 'instance_info.configdrive', plain)
  const key = `sites/${node.site}/nodes/${node.uuid}/configdrive-${uuidv7(call.ports.env)}`
  await call.ports.blobs.put(key, new TextEncoder().encode(sealed))
  return key
}

export async function sealFor(call: Call, node: Target, field: string, plain: string): Promise<string> {
  const site = await findSite(call.sql, node.site)
  if (!site.public_key)
    throw new FaultError('site.no_key', `Site ${site.name} has no key yet, so it can keep no secrets.`)
  const to = { organisation: call.principal.organisation, site: site.id, node: node.uuid, field }
  return seal(site.public_key, to, plain)
}

/**
 * Runs `change` with the patch in which ****** is in the place of a config drive, and the key of what was kept of it: the last one, where a
 * patch names several. Nothing stays stored that no row came to name.
 */
export async function withConfigDrive<T>(
  call: Call,
  node: Target,
  patch: readonly PatchOperation[],
  change: (patch: PatchOperation[], kept: { configDrive?: string }) => Promise<T>,
): Promise<T> {
  const masked = patch.map((operation) => ({ ...operation, value: withMask(operation) }))
  const given = patch.map(driveIn).findLast((drive) => drive !== undefined)
  if (given === undefined) return change([...patch], {})
  const configDrive = await keepConfigDrive(call, node, check(ConfigDrive, given, 'instance_info.configdrive'))
  try {
    return await change(masked, { configDrive })
  } catch (error) {
    await call.ports.blobs.delete(configDrive)
    throw error
  }
}

/** What was read (******) may be written back: it is none. */
function driveIn({ path, value }: PatchOperation): unknown {
  const drive =
    path === '/instance_info/configdrive'
      ? value
      : path === '/instance_info'
        ? (value as { configdrive?: unknown } | null | undefined)?.configdrive
        : undefined
  return drive === null || drive === MASK ? undefined : drive
}

function withMask(operation: PatchOperation): unknown {
  if (driveIn(operation) === undefined) return operation.value
  return operation.path === '/instance_info' ? { ...(operation.value as object), configdrive: MASK } : MASK
}
