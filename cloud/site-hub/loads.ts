// How many nodes each conductor has, so that a new one finds its place without a look at every other. Counted when it is first needed, and again
// after anything but a new node changed who owns what (`state.loads = null`).
import type { NodeIndex } from './state.ts'

type Counts = Map<string, number>

export class Loads {
  /** Nodes of each conductor. */
  readonly total: Counts = new Map()
  /** The same of the nodes that the ring treats alike, by driver and labels. */
  readonly #alike = new Map<string, Counts>()

  static of(nodes: Iterable<NodeIndex>): Loads {
    const loads = new Loads()
    for (const node of nodes) loads.add(node)
    return loads
  }

  add(node: NodeIndex): void {
    const owner = node.target ?? node.owner
    if (owner === null) return
    count(this.total, owner)
    if (node.withheld === null) count(this.#alikeTo(node), owner)
  }

  /** Nodes of each conductor that are like `node`. */
  alikeTo(node: NodeIndex): ReadonlyMap<string, number> {
    return this.#alikeTo(node)
  }

  #alikeTo({ driver, labels }: NodeIndex): Counts {
    const key = `${driver} ${labels}`
    let counts = this.#alike.get(key)
    if (!counts) this.#alike.set(key, (counts = new Map()))
    return counts
  }
}

function count(counts: Counts, owner: string): void {
  counts.set(owner, (counts.get(owner) ?? 0) + 1)
}
