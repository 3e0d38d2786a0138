// To wait for what becomes of a node: its hub says whenever it committed something of it, and nobody is asked meanwhile.
import { toFault } from '../../../shared/faults.ts'
import type { Watch, Watcher } from '../../ports.ts'
import type { Call } from '../call.ts'
import { News } from '../news.ts'
import type { FoundNode } from './find.ts'

/** `unwatched`: nothing was waited for, since nobody can be told of the node now. */
export type Seen = 'seen' | 'not seen' | 'unwatched'

/**
 * Has `look` look now, after each of the node's commits and a last time after `ms` or when nothing will be told any more, until it
 * answers true. It looks no more for a client that went away.
 */
export async function seen(call: Call, node: FoundNode, ms: number, look: () => Promise<boolean>): Promise<Seen> {
  const { env } = call.ports
  const { signal } = call.request
  const news = new News(node.uuid)
  const end = (): void => news.ended()
  const watch = await watchOf(call, node, news)
  if (!watch) return 'unwatched'
  const cancel = env.setTimer(ms, end)
  signal.addEventListener('abort', end)
  try {
    for (;;) {
      const what = await news.next(env)
      if (signal.aborted) return 'not seen'
      if (await look()) return 'seen'
      if (what === 'end') return 'not seen'
    }
  } finally {
    signal.removeEventListener('abort', end)
    cancel()
    watch.close()
  }
}

/** Undefined when too many watch already, or the hub does not answer. */
async function watchOf({ ports, principal }: Call, { site }: FoundNode, watcher: Watcher): Promise<Watch | undefined> {
  try {
    return await ports.hub.watch([{ organisation: principal.organisation, site }], watcher)
  } catch (error) {
    const { code } = toFault(error)
    if (code === 'watch.full' || code === 'unavailable') return undefined
    throw error
  }
}
