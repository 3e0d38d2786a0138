// Runs the parts of a task as child processes and says how long each took. Output of a part that passes quietly is kept to itself.
import { spawn } from 'node:child_process'

export interface Part {
  readonly name: string
  readonly command: readonly [string, ...string[]]
  /** Print its output as it comes; otherwise only when it fails. */
  readonly live?: boolean
  readonly env?: Record<string, string>
}

export interface PartResult {
  readonly name: string
  readonly ok: boolean
  readonly seconds: number
}

/** Runs one part and prints a line for it. */
export async function runPart(part: Part): Promise<PartResult> {
  const started = performance.now()
  const [program, ...args] = part.command
  const child = spawn(program, args, {
    stdio: ['ignore', part.live ? 'inherit' : 'pipe', part.live ? 'inherit' : 'pipe'],
    env: { ...process.env, ...part.env },
  })
  const output: Buffer[] = []
  child.stdout?.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr?.on('data', (chunk: Buffer) => output.push(chunk))
  const code = await new Promise<number>((resolve) => {
    child.on('error', (error) => {
      output.push(Buffer.from(String(error)))
      resolve(127)
    })
    child.on('close', (status) => resolve(status ?? 1))
  })
  const seconds = (performance.now() - started) / 1000
  if (code !== 0) process.stdout.write(Buffer.concat(output))
  console.log(`${code === 0 ? '✓' : '✗'} ${part.name} (${seconds.toFixed(1)} s)`)
  return { name: part.name, ok: code === 0, seconds }
}
