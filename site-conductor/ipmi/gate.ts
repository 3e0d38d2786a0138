// Lets a number of tasks through at once; the others wait in order. A waiting task can be aborted.
import { IpmiError } from './errors.ts'

export class Gate {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(width: number) {
    this.#free = width
  }

  /** Whether nobody is in and nobody waits, given the width it was made with. */
  idle(width: number): boolean {
    return this.#free === width
  }

  async run<Value>(task: () => Promise<Value>, signal?: AbortSignal): Promise<Value> {
    await this.#enter(signal)
    try {
      return await task()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free++
    }
  }

  #enter(signal: AbortSignal | undefined): Promise<void> | void {
    if (signal?.aborted) throw aborted()
    if (this.#free > 0) {
      this.#free--
      return undefined
    }
    return new Promise((resolve, reject) => {
      const enter = () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(enter), 1)
        reject(aborted())
      }
      this.#waiting.push(enter)
      signal?.addEventListener('abort', abort, { once: true })
    })
  }
}

function aborted(): IpmiError {
  return new IpmiError('aborted', 'aborted while waiting for its turn')
}
