// Something to wait for: what hubs tell of their commits.
import type { Env } from '../../shared/env.ts'
import type { Watcher } from '../ports.ts'

/** Whether something was committed since it was looked at last. It starts as if: there may be a past to catch up with. */
export class News implements Watcher {
  isEnded = false
  #isChanged = true
  #wake: () => void = () => undefined
  readonly #node: string | undefined

  /** `node`: only commits of this one count. */
  constructor(node?: string) {
    this.#node = node
  }

  changed(nodes: readonly string[]): void {
    if (this.#node !== undefined && !nodes.includes(this.#node)) return
    this.again()
  }

  /** There is more to look at than was looked at. */
  again(): void {
    this.#isChanged = true
    this.#wake()
  }

  ended(): void {
    this.isEnded = true
    this.#wake()
  }

  /** Resolves with what happened, at the latest after `ms`, with 'silent'; without `ms` it may take for ever. */
  async next(env: Env, ms?: number): Promise<'changed' | 'silent' | 'end'> {
    if (!this.#isChanged && !this.isEnded) {
      await new Promise<void>((done) => {
        const cancel = ms === undefined ? () => undefined : env.setTimer(ms, done)
        this.#wake = () => {
          cancel()
          done()
        }
      })
    }
    if (this.isEnded) return 'end'
    if (!this.#isChanged) return 'silent'
    this.#isChanged = false
    return 'changed'
  }
}
