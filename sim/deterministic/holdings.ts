// Who has which node, by what hub and conductors have said to each other.
import type { Process } from './process.ts'

interface Holder {
  readonly process: Process
  readonly epoch: number
}

export class Holdings {
  /** The process that speaks for a conductor. */
  readonly #speakers = new Map<string, Process>()
  /** Node → conductors that were granted it and have not given it back, each with the process that has it. */
  readonly #holders = new Map<string, Map<string, Holder>>()

  says(conductor: string, process: Process): void {
    this.#speakers.set(conductor, process)
  }

  /** Answers who else has the node and is still running. From now on it is `conductor`'s alone. */
  granted(conductor: string, node: string, epoch: number): string[] {
    const before = this.#holders.get(node) ?? new Map<string, Holder>()
    const process = this.#speakers.get(conductor)
    this.#holders.set(node, new Map(process && [[conductor, { process, epoch }]]))
    return [...before].filter(([other, { process }]) => other !== conductor && process.alive).map(([other]) => other)
  }

  /** What was granted again since stays its own. */
  released(conductor: string, node: string, epoch: number): void {
    const holders = this.#holders.get(node)
    if ((holders?.get(conductor)?.epoch ?? 0) <= epoch) holders?.delete(conductor)
  }

  /** Its last word: what it is granted after that it does not hear. */
  leaves(conductor: string): void {
    this.lost(conductor)
    this.#speakers.delete(conductor)
  }

  /** It has nothing any more: a session that begins with nothing, or a host that somebody is about to switch off. */
  lost(conductor: string): void {
    for (const holders of this.#holders.values()) holders.delete(conductor)
  }
}
