// Any executable in the command folder is a command, too. `--describe` prints {name, about, params: JSON Schema, kind?, priorities?}; a run gets {params, node} as
// JSON on stdin and prints its result, a JSON object, on stdout. With `priorities`, {deploy?, clean?, service?}, it is a step as well: `deploy.write_os`
// is deploy step write_os. Lines on stderr go to the log; an exit code other than 0 is a failure.
import { spawn } from 'node:child_process'
import { access, constants, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import type { Command, CommandContext } from './command.ts'
import { AgentFault } from './fault.ts'
import { runTool } from './tool.ts'

const MAX_RESULT_BYTES = 4 * 1024 * 1024
const description = z.object({
  name: z
    .string()
    .max(128)
    .regex(/^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$/),
  about: z.string().max(1024).default(''),
  params: z.looseObject({}),
  kind: z.enum(['sync', 'async']).default('async'),
  priorities: z.partialRecord(z.enum(['deploy', 'clean', 'service']), z.int().min(0)).optional(),
})

function execute(path: string, context: CommandContext, params: unknown): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const child = spawn(path, [], { stdio: ['pipe', 'pipe', 'pipe'], signal: context.signal, killSignal: 'SIGKILL' })
    const parts: Buffer[] = []
    let bytes = 0
    let lastLine = ''
    child.stdout.on('data', (data: Buffer) => {
      bytes += data.length
      if (bytes > MAX_RESULT_BYTES) child.kill('SIGKILL')
      else parts.push(data)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      for (const line of text.split('\n').filter(Boolean)) {
        lastLine = line.slice(0, 1000)
        context.log(`${path}: ${lastLine}`)
      }
    })
    child.stdin.on('error', () => {}) // one that does not read its input is free to
    child.on('error', (error) => reject(new AgentFault('CommandExecutionError', `${path}: ${error.message}`)))
    child.on('close', (code) => {
      if (code !== 0)
        return reject(
          new AgentFault('CommandExecutionError', lastLine || `${path} ended with ${code}`, `exit code ${code}`),
        )
      const parsed = z.record(z.string(), z.unknown()).safeParse(parseJson(Buffer.concat(parts)))
      if (!parsed.success) return reject(new AgentFault('CommandExecutionError', `${path} did not print a JSON object`))
      return resolve(parsed.data)
    })
    child.stdin.end(JSON.stringify({ params, node: context.node }))
  })
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

/** One executable as a command. Throws when it does not describe itself. */
export async function loadExecutable(path: string): Promise<Command> {
  const { code, stdout, stderr } = await runTool(path, ['--describe'], { timeoutMs: 10_000 })
  if (code !== 0) throw new Error(`--describe ended with ${code}: ${stderr.trim().slice(0, 300)}`)
  const { name, about, params, kind, priorities } = description.parse(parseJson(Buffer.from(stdout)))
  return {
    name,
    about,
    kind,
    priorities,
    params: z.fromJSONSchema(params),
    run: (context, input) => execute(path, context, input),
  }
}

/** All of a folder, by name; one that cannot be used is logged and left out. No folder, no commands. */
export async function loadExecutables(folder: string, log: (message: string) => void): Promise<Command[]> {
  const loaded: Command[] = []
  for (const file of (await readdir(folder).catch(() => [] as string[])).sort()) {
    const path = join(folder, file)
    try {
      await access(path, constants.X_OK)
      const command = await loadExecutable(path)
      if (loaded.some((other) => other.name === command.name)) throw new Error(`${command.name} is there twice`)
      loaded.push(command)
    } catch (error) {
      log(`command file ${path} is not used: ${(error as Error).message}`)
    }
  }
  return loaded
}
