// A node's volumes attached in Cinder, and given back. 1. Each of them is looked at first, so that whoever goes on with a step that another conductor began does what is
// left of it. 2. What was reserved is on record before that is asked for, in the task's context and at the volume itself, so that it is found when that task is no
// more: a volume that somebody else is attaching is not taken.
import { FaultError } from '../../shared/faults.ts'
import type { Grant, VolumeTarget } from '../../shared/protocol.ts'
import type { StepContext } from '../driver.ts'
import { OpenStackError } from '../openstack/errors.ts'
import type { OpenStack } from '../openstack/client.ts'
import { deployContext } from '../deploy/task-context.ts'
import { sleep } from '../timing.ts'
import { type BlockStorage, blockStorage, type Connector, type Volume } from './block-storage.ts'
import { type Attached, flawsOf } from './iscsi-volumes.ts'
import { describe, type Mark, markOf, mustDescribe, RESERVING, serverOf } from './volume-marks.ts'

/** Ironic's `action_retries` and `action_retry_interval`. */
const DETACH_RETRIES = 3
const DETACH_PAUSE_MS = 5_000

type Fields = Record<string, unknown>

/** Throws a FaultError where one of them cannot be attached; then none is, as far as that can be undone. */
export async function attachVolumes(context: StepContext<unknown>, openstack: OpenStack): Promise<Attached> {
  const { node, signal } = context
  const api = blockStorage(openstack, context)
  const targets = node.volumes?.targets ?? []
  try {
    for (const target of targets) await attach(context, api, target)
  } catch (error) {
    signal.throwIfAborted()
    // Of anything else, such as a node that is another's now, whoever has it next takes care.
    if (!(error instanceof OpenStackError)) throw error
    await detachVolumes(context, openstack, false)
    throw error
  }
  return deployContext(context).attached_volumes
}

async function attach(context: StepContext<unknown>, api: BlockStorage, target: VolumeTarget): Promise<void> {
  const { node, keep, note } = context
  const { volumeId } = target
  const { attached_volumes: attached, reserved_volumes: reserved } = deployContext(context)
  const volume = await api.find(volumeId)
  if (volume === undefined)
    throw new OpenStackError('openstack.refused', `Cinder has no volume ${volumeId} (volume target ${target.uuid})`, {
      hint: 'correct volume_id of the volume target, or make the volume',
    })
  const mark = markOf(context, volume)
  const isMine = attachmentOf(context, volume, mark) !== undefined
  // Somebody else, such as Nova, may have attached it for the instance, and written down the way to it.
  if (isMine && (attached[target.uuid] !== undefined || flawsOf(target).length === 0)) return
  if (!isMine && !isReserved(context, volumeId, volume, mark)) {
    await keep({ reserved_volumes: [...reserved, volumeId] })
    const isFree = volume.status === 'available'
    if (isFree) await describe(context, api, volumeId, RESERVING)
    await api.reserve(volumeId).catch(async (error: unknown) => {
      if (error instanceof OpenStackError && error.status === 400) {
        await keep({ reserved_volumes: reserved })
        if (isFree) await describe(context, api, volumeId, 'refused')
      }
      throw error
    })
  }
  const { driver_volume_type: type, data } = await api.initialize(volumeId, connectorOf(node))
  if (type !== target.type)
    throw new OpenStackError(
      'openstack.refused',
      `Cinder's volume ${volumeId} is reached by ${type}, not by ${target.type}`,
      {
        hint: 'set volume_type of the volume target to that, or take a volume of another type',
      },
    )
  const properties = await sealed(context, target, { volume_id: volumeId, ...data })
  await keep({ attached_volumes: { ...deployContext(context).attached_volumes, [target.uuid]: properties } })
  if (isMine) return
  await api.attach(volumeId, serverOf(context))
  await describe(context, api, volumeId, 'attached')
  note('volume.attached', { volume: volumeId })
}

/** `required` false: what cannot be detached stays, with a line on the timeline. */
export async function detachVolumes(
  context: StepContext<unknown>,
  openstack: OpenStack,
  required: boolean,
): Promise<void> {
  const { node, signal, env, note } = context
  const api = blockStorage(openstack, context)
  for (let attempt = 0; ; attempt++) {
    const failures: OpenStackError[] = []
    for (const { volumeId } of node.volumes?.targets ?? [])
      await detach(context, api, volumeId).catch((error: unknown) => {
        signal.throwIfAborted()
        if (!(error instanceof OpenStackError)) throw error
        failures.push(error)
      })
    const [first] = failures
    if (first === undefined) return
    if (required && attempt === DETACH_RETRIES) throw first
    note('volumes.stay', { why: first.fault.message, volumes: failures.length })
    if (!required) return
    await sleep(env, DETACH_PAUSE_MS, signal)
  }
}

async function detach(context: StepContext<unknown>, api: BlockStorage, volumeId: string): Promise<void> {
  const volume = await api.find(volumeId)
  if (volume === undefined) return
  const mark = markOf(context, volume)
  const attachment = attachmentOf(context, volume, mark)
  // A word that stays would make the next one's reservation ours.
  const say = mark?.last_action === RESERVING ? mustDescribe : describe
  if (attachment === undefined) {
    if (isReserved(context, volumeId, volume, mark)) await api.unreserve(volumeId)
    if (mark?.last_action === RESERVING) await say(context, api, volumeId, 'unreserved')
    return
  }
  if (volume.status !== 'detaching') await api.beginDetaching(volumeId)
  await api.terminate(volumeId, connectorOf(context.node))
  await api.detach(volumeId, attachment)
  await say(context, api, volumeId, 'detached')
  context.note('volume.detached', { volume: volumeId })
}

/** For this node, by this task or by one that has failed since. */
function isReserved(
  context: StepContext<unknown>,
  volumeId: string,
  { status }: Volume,
  mark: Mark | undefined,
): boolean {
  const isOnRecord = deployContext(context).reserved_volumes.includes(volumeId)
  return status === 'attaching' && (isOnRecord || mark?.last_action === RESERVING)
}

/** Also one for an instance that the node had when it was attached. */
function attachmentOf(
  context: StepContext<unknown>,
  { attachments }: Volume,
  mark: Mark | undefined,
): string | undefined {
  const names = [serverOf(context), context.node.node, mark?.instance_uuid]
  return attachments.find(({ server_id: server }) => server !== null && names.includes(server))?.attachment_id
}

/** As a node says by its volume connectors what it is to a storage system. */
export function connectorOf({ node, volumes }: Pick<Grant, 'node' | 'volumes'>): Connector {
  const connectors = volumes?.connectors ?? []
  const of = (type: string) => connectors.filter((each) => each.type === type).map(({ id }) => id)
  const [[initiator], [ip], wwpns, wwnns] = [of('iqn'), of('ip'), of('wwpn'), of('wwnn')]
  return {
    host: node,
    ...(initiator !== undefined && { initiator }),
    ...(ip !== undefined && { ip }),
    ...(wwpns.length > 0 && { wwpns }),
    ...(wwnns.length > 0 && { wwnns }),
    ...(connectors.length > 1 && { multipath: true }),
  }
}

const SECRET = /passw(or)?d|secret|token/i

async function sealed({ site, node }: StepContext<unknown>, { uuid }: VolumeTarget, data: Fields): Promise<Fields> {
  const fields = Object.entries(data).map(async ([name, value]): Promise<[string, unknown]> => {
    if (typeof value !== 'string' || value === '' || !SECRET.test(name)) return [name, value]
    return [name, await site.seal(node.node, `volume_targets.${uuid}.${name}`, value)]
  })
  return Object.fromEntries(await Promise.all(fields))
}

/** Throws a FaultError where the conductor knows no OpenStack. */
export function openstackOf({ site }: Pick<StepContext<unknown>, 'site'>): OpenStack {
  if (site.openstack !== undefined) return site.openstack
  throw new FaultError('driver.unsupported', 'this conductor knows no OpenStack whose Cinder could be asked', {
    hint: "set openstackFile in the conductor's configuration, or storage_interface of the node to external",
  })
}
