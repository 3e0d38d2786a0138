// At most so many at once; the others wait in order. A wait ends with its signal.

export class Turns {
  readonly #most: number
  #taken = 0
  readonly #waiting: (() => void)[] = []

  constructor(most: number) {
    this.#most = most
  }

  /** Runs `work` when it is its turn; `onWait` is called first when that is not now. Rejects with the signal's reason. */
  async run<T>(signal: AbortSignal, work: () => Promise<T>, onWait: (ahead: number) => void = () => {}): Promise<T> {
    signal.throwIfAborted()
    if (this.#taken < this.#most) this.#taken++
    else {
      onWait(this.#waiting.length)
      await this.#wait(signal)
    }
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#taken--
      else next()
    }
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const turn = Promise.withResolvers<void>()
    this.#waiting.push(turn.resolve)
    const leave = () => {
      const place = this.#waiting.indexOf(turn.resolve)
      if (place < 0) return // its turn has come already
      this.#waiting.splice(place, 1)
      turn.reject(signal.reason)
    }
    signal.addEventListener('abort', leave, { once: true })
    await turn.promise.finally(() => signal.removeEventListener('abort', leave))
  }
}
