// What may change a node and is under way, per process: a step or a call from its beginning until its driver has come back.
import type { Process } from './process.ts'

export class Works {
  readonly #of = new Map<Process, Map<string, number>>()

  /** The answer: it has ended. */
  begins(process: Process, node: string): () => void {
    const nodes = this.#of.get(process) ?? new Map<string, number>()
    this.#of.set(process, nodes)
    const add = (count: number) => void nodes.set(node, (nodes.get(node) ?? 0) + count)
    add(1)
    return () => add(-1)
  }

  at(process: Process, node: string): boolean {
    return (this.#of.get(process)?.get(node) ?? 0) > 0
  }

  anywhere(process: Process): boolean {
    return [...(this.#of.get(process)?.values() ?? [])].some((count) => count > 0)
  }
}
