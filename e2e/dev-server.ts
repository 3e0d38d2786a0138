// The development server with its conductor, a process of its own: what clients that are not ours are pointed at.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export interface Server {
  readonly url: string
  /** The process whose children, too, are of this server. */
  readonly pid: number
  stop(): Promise<void>
}

/** `npm run dev` without tokens, on a free port of loopback. Throws when it ends before it is ready. */
export async function startDevServer(options: readonly string[] = []): Promise<Server> {
  const server = spawn(process.execPath, ['scripts/tasks/dev.ts', '--port', '0', '--no-auth', ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(server, 'exit')
  for await (const line of createInterface({ input: server.stdout })) {
    const url = /^ready (\S+)/.exec(line)?.[1]
    if (url === undefined) continue
    const stop = async () => {
      server.kill('SIGTERM')
      await ended
    }
    return { url, pid: server.pid!, stop }
  }
  throw new Error('the development server ended before it was ready')
}
