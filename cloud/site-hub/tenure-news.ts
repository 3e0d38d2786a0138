// What the answer to a renewal says of the tenures of its conductor's tasks (ownership.md, rule 10): a promise is stored before it is made, told
// once on each connection, and told again when it was extended. A site may have more tasks than a frame has room for.
import type { Peer } from '../ports.ts'
import { tenureMs } from './tenure.ts'
import type { ConductorState } from './state.ts'
import type { Turn } from './turn.ts'

/** A tenure is extended when less than this part of it is left. */
const RENEWED_BELOW = 0.75
/** Ids of 64 characters, and numbers: 45 KiB. */
const PER_FRAME = 500

/** Task → the end of its tenure as it was told last on this connection. */
const told = new WeakMap<Peer, ReadonlyMap<string, number>>()

/** Task → what is left in ms, in as many parts as it needs frames: at least one. */
export function tenureNews(turn: Turn, peer: Peer, conductor: ConductorState): Record<string, number>[] {
  const ms = tenureMs(turn.state)
  const known = told.get(peer)
  const all = new Map<string, number>()
  const news: [string, number][] = []
  for (const [node, [task]] of turn.state.tasks) {
    if (turn.state.nodes.get(node)?.owner !== conductor.row.id || !task?.tenure_ms) continue
    // Not at every renewal. What was promised once is never taken back.
    if (ms > 0 && task.tenure_ms - turn.now < ms * RENEWED_BELOW) turn.updateTask(task, { tenure_ms: turn.now + ms })
    all.set(task.id, task.tenure_ms)
    if (task.tenure_ms > turn.now && known?.get(task.id) !== task.tenure_ms)
      news.push([task.id, task.tenure_ms - turn.now])
  }
  turn.after(() => void told.set(peer, all))
  const pages: Record<string, number>[] = []
  for (let i = 0; i === 0 || i < news.length; i += PER_FRAME)
    pages.push(Object.fromEntries(news.slice(i, i + PER_FRAME)))
  return pages
}
