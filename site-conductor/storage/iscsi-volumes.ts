// From a node's volume targets to what its machine boots by iSCSI. Properties are Ironic's, which are Cinder's: target_iqn, target_portal and target_lun, or their
// plurals for several paths, and auth_method, auth_username and auth_password, the last of them sealed.
import { FaultError } from '../../shared/faults.ts'
import type { Grant, VolumeTarget } from '../../shared/protocol.ts'
import { isSealed } from '../../shared/sealing.ts'
import type { VolumeInstance } from '../boot/ticket.ts'
import {
  iscsiUrl,
  isIscsiName,
  MOST_CHAP_BYTES,
  MOST_VOLUMES,
  type SanVolume,
  type VolumePath,
} from '../boot/volume-script.ts'
import type { Site } from '../site.ts'

export const ISCSI = 'iscsi'
const ISCSI_PORT = 3260

type Fields = Readonly<Record<string, unknown>>

/** By target: properties that a storage system has told for the present attachment, instead of what the node has. */
export type Attached = Readonly<Record<string, Fields>>

/** The volume to boot and, behind it, the others that are reached by iSCSI. Throws a FaultError that says what is missing. */
export function volumesToBoot(
  { node, volumes }: Pick<Grant, 'node' | 'volumes'>,
  bootVolume: string,
  site: Pick<Site, 'open'>,
  attached: Attached = {},
): VolumeInstance {
  const targets = (volumes?.targets ?? []).map((target) => ({
    ...target,
    properties: attached[target.uuid] ?? target.properties,
  }))
  const first = targets.find(({ uuid }) => uuid === bootVolume)
  if (first === undefined)
    throw new FaultError('driver.invalid_info', `the volume target ${bootVolume} that the instance is on is gone`, {
      hint: 'POST /v1/volume/targets with its volume and boot_index 0, then rebuild the node',
    })
  const [flaw] = flawsTogether({ volumes }, first)
  if (flaw !== undefined) throw new FaultError('driver.invalid_info', `the node cannot boot from its volume: ${flaw}`)
  const others = targets.filter((target) => target !== first && target.type === ISCSI)
  const all = [first, ...others].map((target) => ({ paths: pathsOf(target), open: chapOf(target, node, site) }))
  const initiatorIqn = volumes?.connectors.find(({ type }) => type === 'iqn')?.id
  return {
    async open() {
      const opened = all.map(async ({ paths, open }): Promise<SanVolume> => {
        const chap = await open?.()
        return { paths, ...(chap && { chap }) }
      })
      return { ...(initiatorIqn !== undefined && { initiatorIqn }), volumes: await Promise.all(opened) }
    },
  }
}

/** What keeps a machine from booting one of them with the others behind it, beside what each of them lacks (`flawsOf`). */
export function flawsTogether({ volumes }: Pick<Grant, 'volumes'>, first: Pick<VolumeTarget, 'uuid'>): string[] {
  const { targets = [], connectors = [] } = volumes ?? {}
  const count = targets.filter(({ uuid, type }) => uuid === first.uuid || type === ISCSI).length
  const name = connectors.find(({ type }) => type === 'iqn')
  return [
    ...(count > MOST_VOLUMES ? [`it has ${count} volumes, and a machine boots with at most ${MOST_VOLUMES}`] : []),
    ...(name && !isIscsiName(name.id)
      ? [`volume connector ${name.uuid} is no name of iSCSI: ${JSON.stringify(name.id)}`]
      : []),
  ]
}

/** What keeps a machine from reaching it; nothing, when it is complete. */
export function flawsOf(target: VolumeTarget): string[] {
  return [() => pathsOf(target), () => chapOf(target)].flatMap((check) => {
    try {
      check()
      return []
    } catch (error) {
      if (!(error instanceof FaultError)) throw error
      return [error.fault.message]
    }
  })
}

function pathsOf(target: VolumeTarget): VolumePath[] {
  const portals = listOf(target, 'target_portal')
  const iqns = listOf(target, 'target_iqn')
  const luns = listOf(target, 'target_lun')
  const missing = Object.entries({ target_portal: portals, target_iqn: iqns, target_lun: luns })
    .filter(([, values]) => values.length === 0)
    .map(([name]) => name)
  if (missing.length > 0) throw wrong(target, `properties have no ${missing.join(' and no ')}`)
  return portals.map((portal, index) => {
    const [, host = '', port = String(ISCSI_PORT)] = /^(.*?)(?::(\d+))?$/.exec(String(portal)) ?? []
    const path = {
      host: host.replace(/^\[(.*)\]$/, '$1'),
      port: Number(port),
      iqn: String(iqns[index] ?? iqns[0]),
      lun: Number(luns[index] ?? luns[0]),
    }
    try {
      iscsiUrl(path)
    } catch (error) {
      throw wrong(target, (error as Error).message)
    }
    return path
  })
}

/** Undefined: it is open to everybody. */
function chapOf(
  target: VolumeTarget,
  node = '',
  site?: Pick<Site, 'open'>,
): (() => Promise<NonNullable<SanVolume['chap']>>) | undefined {
  const { auth_method: method, auth_username: username, auth_password: password } = target.properties
  const isNone = (value: unknown) => value === undefined || value === null || value === ''
  if (isNone(username) && isNone(password) && (isNone(method) || /^none$/i.test(String(method)))) return undefined
  if (!isNone(method) && !/^chap$/i.test(String(method)))
    throw wrong(target, `auth_method ${JSON.stringify(method)} is none that iPXE has: CHAP`)
  for (const [name, value] of Object.entries({ auth_username: username, auth_password: password }))
    if (typeof value !== 'string' || value === '') throw wrong(target, `properties have no ${name}, which CHAP needs`)
  for (const [name, value] of Object.entries({ auth_username: username, auth_password: password }))
    if (!isSealed(value) && Buffer.byteLength(value as string) > MOST_CHAP_BYTES)
      throw wrong(target, `${name} has more than ${MOST_CHAP_BYTES} bytes`)
  const field = `volume_targets.${target.uuid}.auth_password`
  return async () => ({
    username: username as string,
    password: isSealed(password) ? await site!.open(node, field, password) : (password as string),
  })
}

function listOf({ properties }: VolumeTarget, name: string): unknown[] {
  const several = properties[`${name}s`]
  if (Array.isArray(several) && several.length > 0) return several
  const one = properties[name]
  return one === undefined || one === null || one === '' ? [] : [one].flat()
}

function wrong({ uuid, bootIndex }: VolumeTarget, why: string): FaultError {
  return new FaultError('driver.invalid_info', `volume target ${uuid} (boot_index ${bootIndex}): ${why}`, {
    hint: 'PATCH /v1/volume/targets/{uuid} while the node is powered off',
  })
}
