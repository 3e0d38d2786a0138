// openstacksdk as a process that does what a test orders, one method at a time, and says what came of it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { join } from 'node:path'

/** What the SDK returns, whatever it holds. */
// oxlint-disable-next-line typescript/no-explicit-any
type Returned = any

/** An exception of the SDK. */
export interface Raised {
  /** Its class. */
  readonly raised: string
  /** Of HTTP, where it came of an answer. */
  readonly status: number | null
  readonly said: string
}

/** A method's own name, its positional arguments ({$node: name} is the node as the SDK gets it) and those by name. */
type Order = [method: string, args?: readonly unknown[], kwargs?: Readonly<Record<string, unknown>>]
type Layer = 'baremetal' | 'cloud' | 'configdrive'

export interface Sdk {
  /** Of connection.baremetal. Throws when the SDK raises. */
  baremetal(...order: Order): Promise<Returned>
  /** The same of the connection itself. */
  cloud(...order: Order): Promise<Returned>
  /** The same of the module openstack.baremetal.configdrive. */
  configdrive(...order: Order): Promise<Returned>
  /** What a method raises. Throws when it returns. */
  raises(layer: Layer, ...order: Order): Promise<Raised>
}

export interface Sdks {
  through(connection: string): Sdk
  /** Methods of connection.baremetal, and of bare metal on connections, that were never called. */
  leftOut(): Promise<string[]>
  [Symbol.asyncDispose](): Promise<void>
}

/** `connections`: keyword arguments of openstack.connect by a name for the connection, which is made when it is first used. */
export function startSdk(connections: Readonly<Record<string, object>>): Sdks {
  // Debian's Python, whose package it is.
  const program = join(import.meta.dirname, 'drive-sdk.py')
  const child = spawn('/usr/bin/python3', [program, JSON.stringify(connections)], { stdio: ['pipe', 'pipe', 'pipe'] })
  let error = ''
  child.stderr.setEncoding('utf8').on('data', (text) => (error += text))
  const ended = once(child, 'close')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()

  async function ask(...order: readonly unknown[]): Promise<{ returned: Returned } | Raised> {
    child.stdin.write(`${JSON.stringify(order)}\n`)
    const { value, done } = await lines.next()
    if (done) throw new Error(`the SDK ended at ${order.join(' ')}: ${error}`)
    return JSON.parse(value) as { returned: Returned } | Raised
  }
  function through(connection: string): Sdk {
    const layer =
      (of: Layer) =>
      async (...[method, args = [], kwargs = {}]: Order): Promise<Returned> => {
        const answer = await ask(connection, of, method, args, kwargs)
        if ('raised' in answer) throw new Error(`${method} raised ${answer.raised}: ${answer.said}`)
        return answer.returned
      }
    return {
      baremetal: layer('baremetal'),
      cloud: layer('cloud'),
      configdrive: layer('configdrive'),
      async raises(of, method, args = [], kwargs = {}) {
        const answer = await ask(connection, of, method, args, kwargs)
        if ('raised' in answer) return answer
        throw new Error(`${method} returned ${JSON.stringify(answer.returned)}`)
      },
    }
  }
  return {
    through,
    async leftOut() {
      const answer = await ask('', 'left out', '', [], {})
      return 'returned' in answer ? (answer.returned as string[]) : []
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await ended
    },
  }
}
