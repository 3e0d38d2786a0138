// A Python program that does what a test orders, one thing at a time, and says what came of it (testdata/orders.py).
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { join } from 'node:path'

/** What it returns, whatever that holds. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Returned = any

/** An exception of its library. */
export interface Raised {
  /** Its class. */
  readonly raised: string
  /** Of HTTP, where it came of an answer. */
  readonly status: number | null
  readonly said: string
}

export interface Obedient {
  /** What an order returned. Throws when it raised. */
  order(...order: readonly unknown[]): Promise<Returned>
  /** What an order raised. Throws when it returned. */
  raises(...order: readonly unknown[]): Promise<Raised>
  [Symbol.asyncDispose](): Promise<void>
}

/** `home`: where it may leave files. */
export function startObedient(program: string, argument: unknown, home?: string): Obedient {
  // Debian's Python, whose packages its libraries are.
  const child = spawn('/usr/bin/python3', [program, JSON.stringify(argument)], {
    env: { PATH: process.env['PATH'], PYTHONPATH: join(import.meta.dirname, 'testdata'), PYTHONDONTWRITEBYTECODE: '1', HOME: home }, // prettier-ignore
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let error = ''
  child.stderr.setEncoding('utf8').on('data', (text) => (error += text))
  const ended = once(child, 'close')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()

  async function ask(order: readonly unknown[]): Promise<{ returned: Returned } | Raised> {
    child.stdin.write(`${JSON.stringify(order)}\n`)
    const { value, done } = await lines.next()
    if (done) throw new Error(`${program} ended at ${JSON.stringify(order)}: ${error}`)
    return JSON.parse(value) as { returned: Returned } | Raised
  }
  return {
    async order(...order) {
      const answer = await ask(order)
      if ('raised' in answer) throw new Error(`${JSON.stringify(order)} raised ${answer.raised}: ${answer.said}`)
      return answer.returned
    },
    async raises(...order) {
      const answer = await ask(order)
      if ('raised' in answer) return answer
      throw new Error(`${JSON.stringify(order)} returned ${JSON.stringify(answer.returned)}`)
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await ended
    },
  }
}
