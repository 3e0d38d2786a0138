// Other programs, run without a shell, in bounded time and with bounded output.
import { spawn } from 'node:child_process'

export interface ToolResult {
  code: number
  stdout: string
  stderr: string
}

export interface ToolOptions {
  /** Default a minute. */
  timeoutMs?: number
  /** Of each output; the end of it is kept. Default 1 MiB. */
  maxBytes?: number
  cwd?: string
  env?: NodeJS.ProcessEnv
  /** Ends the program, and what it has started. */
  signal?: AbortSignal
  /** Each line that it prints. */
  onLine?(line: string): void
}

/** Runs a program without a shell; output is cut at `maxBytes` each, the process is killed after `timeoutMs`. Never rejects: 127 is a program that is not there. */
export function runTool(file: string, args: string[], options: ToolOptions = {}): Promise<ToolResult> {
  const { timeoutMs = 60_000, maxBytes = 1 << 20, cwd, env, signal, onLine } = options
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      // A group of its own, for programs that start others.
      detached: signal !== undefined,
      ...(cwd && { cwd }),
      ...(env && { env }),
    })
    // Also when the program has ended, and what it has started has not.
    const end = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // Nobody of the group is left.
      }
    }
    if (signal?.aborted) end()
    signal?.addEventListener('abort', end, { once: true })
    const out = { stdout: '', stderr: '' }
    let line = ''
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        out[name] = (out[name] + text).slice(-maxBytes)
        if (onLine === undefined) return
        const lines = (line + text).split('\n')
        line = lines.pop()!.slice(-4096)
        for (const each of lines) onLine(each)
      })
    }
    child.on('error', (error) => resolve({ code: 127, stdout: '', stderr: error.message }))
    child.on('close', (code) => {
      signal?.removeEventListener('abort', end)
      resolve({ code: code ?? 137, ...out })
    })
  })
}
