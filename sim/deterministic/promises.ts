// Which tenures the hub has promised, and to whom: nobody else may be granted such a node before the promise is over.
import type { Process } from './process.ts'

interface Tenure {
  readonly conductor: string
  readonly process: Process
  readonly until: number
}

export class Promises {
  /** Node → the tenure that was promised last. */
  readonly #tenures = new Map<string, Tenure>()
  /** Processes that have said goodbye. */
  readonly #left = new WeakSet<Process>()

  /** `now`, `until`: simulated ms. A shorter promise takes nothing back. */
  made(node: string, tenure: Tenure, now: number): void {
    const before = this.#tenures.get(node)
    if (before?.process === tenure.process && before.until > tenure.until) return
    if (tenure.until > now) this.#tenures.set(node, tenure)
  }

  /** The lease of the process was extended, and what it was promised for the node. */
  extended(node: string, until: number, now: number): void {
    const before = this.#tenures.get(node)
    if (before !== undefined) this.made(node, { ...before, until }, now)
  }

  /** The promise that is broken when `conductor` gets the node now. */
  brokenBy(conductor: string, node: string, now: number): Tenure | undefined {
    const tenure = this.#tenures.get(node)
    const isOpen = tenure !== undefined && tenure.until > now && tenure.process.alive && !this.#left.has(tenure.process)
    return isOpen && tenure.conductor !== conductor ? tenure : undefined
  }

  saidGoodbye(process: Process): void {
    this.#left.add(process)
  }

  /** Whoever the process was, it does nothing by its tenures any more, or a person says so. */
  over(conductor: string, node?: string): void {
    for (const [each, tenure] of this.#tenures)
      if (tenure.conductor === conductor && (node ?? each) === each) this.#tenures.delete(each)
  }
}
