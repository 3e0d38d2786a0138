// What conductors have asked leave for, what the hub has said yes to, and which packets left by that.
import type { Cause } from './lan.ts'
import type { Process } from './process.ts'

export interface Permit {
  readonly process: Process
  readonly epoch: number
  /** Index in the task's plan. */
  readonly step: number
}

export class Permits {
  readonly #asked = new Map<string, Permit>()
  /** Task → the last one. */
  readonly #given = new Map<string, Permit>()
  readonly #usedBy = new WeakMap<Cause, Permit>()
  readonly #spent = new WeakSet<Permit>()

  asked(conductor: string, task: string, rid: number, permit: Permit): void {
    this.#asked.set(`${conductor} ${task} ${rid}`, permit)
  }

  /** The hub says yes to question `rid`. Undefined: nobody has asked it. */
  given(conductor: string, task: string, rid: number): Permit | undefined {
    const permit = this.#asked.get(`${conductor} ${task} ${rid}`)
    if (permit !== undefined) this.#given.set(task, permit)
    return permit
  }

  of(task: string): Permit | undefined {
    return this.#given.get(task)
  }

  /** A packet leaves by it. */
  used(permit: Permit, cause: Cause): void {
    this.#usedBy.set(cause, permit)
  }

  /** A BMC has done what may be done once under a permit. False: it was done already. */
  spend(cause: Cause): boolean {
    const permit = this.#usedBy.get(cause)
    if (permit === undefined) return true
    if (this.#spent.has(permit)) return false
    this.#spent.add(permit)
    return true
  }
}
