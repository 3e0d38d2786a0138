// QEMU's monitor (docs/interop/qmp-spec.rst) on a pair of pipes: commands with answers, and waiting for a state.
import type { Readable, Writable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { createInterface } from 'node:readline'

const POLL_MS = 20

interface Message {
  readonly id?: number
  readonly return?: unknown
  readonly error?: { readonly desc: string }
}

export class Qmp {
  readonly #input: Writable
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  #last = 0
  #gone: Error | undefined

  /** `describe` says what is known when the monitor ends although somebody waits for an answer. */
  constructor(input: Writable, output: Readable, describe: () => string) {
    this.#input = input
    input.on('error', () => {}) // the end of the output tells
    const lines = createInterface(output)
    lines.on('line', (line) => this.#take(JSON.parse(line) as Message))
    lines.once('close', () => {
      this.#gone = new Error(`qemu has ended: ${describe()}`)
      for (const { reject } of this.#waiting.values()) reject(this.#gone)
      this.#waiting.clear()
    })
  }

  /** The command's `return`. Throws with QEMU's words. */
  execute(command: string, parameters: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const id = (this.#last += 1)
    return new Promise((resolve, reject) => {
      if (this.#gone) return reject(this.#gone)
      const fail = (error: Error) => reject(new Error(`${command}: ${error.message}`, { cause: error }))
      this.#waiting.set(id, { resolve, reject: fail })
      return void this.#input.write(`${JSON.stringify({ execute: command, arguments: parameters, id })}\n`)
    })
  }

  /** Asks until the answer's `status` is one of `wanted`. Throws when it is one of `failed`, and after `timeoutMs`. */
  async status(query: string, wanted: string, failed: readonly string[], timeoutMs: number): Promise<void> {
    for (const end = Date.now() + timeoutMs; ; await sleep(POLL_MS)) {
      const answer = (await this.execute(query)) as { status?: string }
      if (answer.status === wanted) return
      if (failed.includes(answer.status ?? '') || Date.now() > end)
        throw new Error(`${query} says ${JSON.stringify(answer)} instead of ${wanted}`)
    }
  }

  #take({ id, error, return: value }: Message): void {
    const waiting = id === undefined ? undefined : this.#waiting.get(id)
    if (id === undefined || waiting === undefined) return // a greeting, an event
    this.#waiting.delete(id)
    if (error) waiting.reject(new Error(error.desc))
    else waiting.resolve(value)
  }
}
