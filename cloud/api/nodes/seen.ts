// To wait for what becomes of a node: its hub says whenever it committed something of it, and nobody is asked meanwhile.
import type { Watch } from '../../ports.ts'
import type { Call } from '../call.ts'

/**
 * Has `look` look now, after each of the node's commits and a last time after `ms` or when nothing will be told any more; true once it
 * answers that. It looks no more for a client that went away. Throws watch.full when too many wait already.
 */
export async function seen(
  call: Call,
  node: { readonly uuid: string; readonly site: string },
  ms: number,
  look: () => Promise<boolean>,
): Promise<boolean> {
  const { env, hub } = call.ports
  const { signal } = call.request
  let wake = (): void => undefined
  let isOver = false
  const end = (): void => {
    isOver = true
    wake()
  }
  let isChanged = true
  const watcher = {
    changed(nodes: readonly string[]) {
      if (!nodes.includes(node.uuid)) return
      isChanged = true
      wake()
    },
    ended: end,
  }
  const watch: Watch = await hub.watch([{ organisation: call.principal.organisation, site: node.site }], watcher)
  const cancel = env.setTimer(ms, end)
  signal.addEventListener('abort', end)
  try {
    while (!signal.aborted) {
      isChanged = false
      if (await look()) return true
      if (isOver) return false
      if (!isChanged) await new Promise<void>((done) => (wake = done))
    }
    return false
  } finally {
    signal.removeEventListener('abort', end)
    cancel()
    watch.close()
  }
}
