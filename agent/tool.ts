// Other programs, run without a shell, in bounded time and with bounded output.
import { spawn } from 'node:child_process'

export interface ToolResult {
  code: number
  stdout: string
  stderr: string
}

/** Runs a program without a shell; output is cut at `maxBytes` each, the process is killed after `timeoutMs`. */
export function runTool(
  file: string,
  args: string[],
  {
    timeoutMs = 60_000,
    maxBytes = 1 << 20,
    cwd,
    env,
  }: { timeoutMs?: number; maxBytes?: number; cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<ToolResult> {
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeoutMs,
      killSignal: 'SIGKILL',
      ...(cwd && { cwd }),
      ...(env && { env }),
    })
    const out = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        out[name] = (out[name] + text).slice(-maxBytes)
      })
    }
    child.on('error', (error) => resolve({ code: 127, stdout: '', stderr: error.message }))
    child.on('close', (code) => resolve({ code: code ?? 137, ...out }))
  })
}
