// Debian's Chromium on one page, commanded over its DevTools protocol.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { WebSocket } from 'ws'

interface Answer {
  readonly id?: number
  readonly result?: unknown
  readonly error?: { readonly message: string }
}

export class Browser implements AsyncDisposable {
  readonly #socket: WebSocket
  readonly #end: () => Promise<void>
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #session: string | undefined
  #count = 0

  private constructor(socket: WebSocket, end: () => Promise<void>) {
    this.#socket = socket
    this.#end = end
    socket.on('message', (data: Buffer) => {
      const answer = JSON.parse(data.toString()) as Answer
      this.#waiting.get(answer.id ?? 0)?.(answer)
    })
  }

  static async open(url: string): Promise<Browser> {
    const folder = await mkdtemp(join(tmpdir(), 'ferrule-browser-'))
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--remote-debugging-port=0', `--user-data-dir=${folder}`]
    // A group of its own: it is many processes.
    const child = spawn('chromium', flags, { stdio: ['ignore', 'ignore', 'pipe'], detached: true })
    const exited = once(child, 'exit')
    const end = async () => {
      try {
        if (child.exitCode === null) process.kill(-child.pid!, 'SIGKILL')
        await exited
      } finally {
        await rm(folder, { recursive: true, force: true, maxRetries: 5 })
      }
    }
    let address: string | undefined
    for await (const line of createInterface(child.stderr)) {
      address = /^DevTools listening on (ws:\S+)/.exec(line)?.[1]
      if (address !== undefined) break
    }
    child.stderr.resume()
    if (address === undefined) {
      await end()
      throw new Error('Chromium has not started')
    }
    const socket = new WebSocket(address)
    await once(socket, 'open')
    const browser = new Browser(socket, end)
    const { targetId } = await browser.#command<{ targetId: string }>('Target.createTarget', { url })
    const attached = { targetId, flatten: true }
    const { sessionId } = await browser.#command<{ sessionId: string }>('Target.attachToTarget', attached)
    browser.#session = sessionId
    return browser
  }

  /** The value of a JavaScript expression in the page. */
  async evaluate<Value>(expression: string): Promise<Value> {
    const wanted = { expression, returnByValue: true, awaitPromise: true }
    const { result } = await this.#command<{ result: { value: Value } }>('Runtime.evaluate', wanted)
    return result.value
  }

  /** Types a letter where the page has its focus. */
  async press(letter: string): Promise<void> {
    const key = { key: letter, text: letter, code: `Key${letter.toUpperCase()}`, windowsVirtualKeyCode: letter.toUpperCase().charCodeAt(0) } // prettier-ignore
    await this.#command('Input.dispatchKeyEvent', { type: 'keyDown', ...key })
    await this.#command('Input.dispatchKeyEvent', { type: 'keyUp', ...key })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.terminate()
    await this.#end()
  }

  async #command<Result>(method: string, params: object): Promise<Result> {
    const id = ++this.#count
    const answered = Promise.withResolvers<Answer>()
    this.#waiting.set(id, answered.resolve)
    const session = this.#session === undefined ? {} : { sessionId: this.#session }
    this.#socket.send(JSON.stringify({ id, method, params, ...session }))
    const { result, error } = await answered.promise
    this.#waiting.delete(id)
    if (error) throw new Error(`${method}: ${error.message}`)
    return result as Result
  }
}
