// Runs a Debian program to its end; a failure carries what it said.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { installationHint, programPath } from './debian-packages.ts'

export interface RunOptions {
  readonly cwd?: string
  readonly input?: string | Uint8Array
  readonly env?: Readonly<Record<string, string>>
  /** Each line of standard error as it comes, for programs that take long. */
  readonly onErrorLine?: (line: string) => void
}

/** Standard output as text. Throws with standard error when the program is missing or does not end with 0. */
export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, PATH: programPath, LC_ALL: 'C', ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
    const output: Buffer[] = []
    const errors: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
    if (options.onErrorLine) createInterface({ input: child.stderr }).on('line', options.onErrorLine)
    child.stdin.on('error', () => {}) // the program may not care for its input
    child.stdin.end(options.input ?? '')
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ENOENT' ? new Error(installationHint(program), { cause: error }) : error),
    )
    child.once('close', (code, signal) => {
      if (code === 0) return resolve(Buffer.concat(output).toString())
      const said = Buffer.concat(errors).toString().trim() || Buffer.concat(output).toString().trim()
      reject(new Error(`${program} ${args.join(' ')} ended with ${code ?? signal}: ${said}`))
    })
  })
}
