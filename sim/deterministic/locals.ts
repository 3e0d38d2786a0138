// Break-glass, as the judge sees it: who asks for what at the site, and what came of it.
import type { Outcome } from '../../shared/protocol.ts'
import type { Cause } from './lan.ts'

/** What a conductor calls the task of a step that a person asked for. */
export const LOCAL_TASK = 'local'
/** Before anything has been done or recorded. */
const REFUSED: ReadonlySet<string> = new Set(['conflict', 'not_found', 'request.invalid', 'node.locked'])
export class Locals {
  /** Node → how often something was done to it that a person was told of. */
  readonly done = new Map<string, number>()
  readonly #asked = new Map<string, Set<readonly string[]>>()

  /** A person asks a conductor for `steps` at `node`, and waits. */
  async track(conductor: string, node: string, steps: readonly string[], answer: Promise<Outcome | undefined>) {
    const key = `${conductor} ${node}`
    const asked = this.#asked.get(key) ?? new Set()
    const mine = [...steps] // its own: two may ask for the same
    this.#asked.set(key, asked.add(mine))
    const outcome = await answer
    asked.delete(mine)
    if (outcome !== undefined && (outcome.ok || !REFUSED.has(outcome.fault.code)))
      this.done.set(node, (this.done.get(node) ?? 0) + 1)
    return outcome
  }

  /** Does somebody wait for this, when its packet leaves? */
  wants({ conductor, node, step }: Cause): boolean {
    const steps = [...(this.#asked.get(`${conductor} ${node}`) ?? [])].flat()
    return step === 'fence' ? steps.length > 0 : steps.some((each) => step === `power.${each}`)
  }
}
