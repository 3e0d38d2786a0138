// What a node says at a volume in Cinder (Ironic's metadata of it): for people, and for whoever goes on when the task that said it is no more.
import { z } from 'zod'
import type { StepContext } from '../driver.ts'
import { OpenStackError } from '../openstack/errors.ts'
import type { BlockStorage, Volume } from './block-storage.ts'

/** Whose a volume is in Cinder: Nova's instance, or the node where there is none. */
export function serverOf({ node, task }: Pick<StepContext<unknown>, 'node' | 'task'>): string {
  const { instance_uuid: instance } = task.context
  return typeof instance === 'string' ? instance : node.node
}

/** The last word; nothing of it is believed that does not fit what Cinder says. */
const Mark = z.object({ instance_uuid: z.string(), last_action: z.string() })
export type Mark = z.output<typeof Mark>
/** Said before it is reserved. Any other word means that a volume which is `attaching` is somebody else's. */
export const RESERVING = 'reserving'
const markName = (node: string) => `ironic_node_${node}`

export function markOf({ node }: StepContext<unknown>, { metadata }: Volume): Mark | undefined {
  try {
    return Mark.safeParse(JSON.parse(metadata[markName(node.node)] ?? '')).data
  } catch {
    return undefined
  }
}

/** Without it nothing is wrong. */
export async function describe(context: StepContext<unknown>, api: BlockStorage, volumeId: string, action: string) {
  const { signal, log } = context
  await mustDescribe(context, api, volumeId, action).catch((error: unknown) => {
    signal.throwIfAborted()
    if (!(error instanceof OpenStackError)) throw error
    log.warn('a volume could not be described', { volume: volumeId, error })
  })
}

export async function mustDescribe(context: StepContext<unknown>, api: BlockStorage, volumeId: string, action: string) {
  const { node, env } = context
  const said = { instance_uuid: serverOf(context), last_seen: new Date(env.now()).toISOString(), last_action: action }
  await api.describe(volumeId, { [markName(node.node)]: JSON.stringify(said) })
}
