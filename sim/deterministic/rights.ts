// By which right conductors have acted: each one's last proof, the production check itself, which can be tried again.
import type { Process } from './process.ts'

interface Right {
  readonly process: Process
  /** Throws when there is no right any more. */
  readonly before: () => void
}

export class Rights {
  /** Node → conductor → the last one. */
  readonly #last = new Map<string, Map<string, Right>>()

  proven(node: string, conductor: string, right: Right): void {
    this.#last.set(node, (this.#last.get(node) ?? new Map<string, Right>()).set(conductor, right))
  }

  /** Conductors whose processes could act on the node at this moment. */
  open(node: string): string[] {
    const isOpen = ({ process, before }: Right) => process.alive && !process.stopped && passes(before)
    return [...(this.#last.get(node) ?? [])].filter(([, right]) => isOpen(right)).map(([conductor]) => conductor)
  }
}

function passes(before: () => void): boolean {
  try {
    before()
    return true
  } catch {
    return false
  }
}
