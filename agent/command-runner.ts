// Runs commands, one at a time, and remembers their results.
// 1. A command older than the highest epoch seen is refused. 2. While one runs, every other is refused. 3. Results stay (the last 200), so that a
// conductor that lost its memory finds out what was done: a request whose key is known starts nothing and is answered with that result.
import * as z from 'zod'
import type { AgentConfig, AgentNode, CommandProgress, CommandResult } from '../shared/agent-protocol.ts'
import { agentNodeSchema, commandRequestSchema } from '../shared/agent-protocol.ts'
import type { Command, CommandContext, CommandOutcome } from './command.ts'
import { AgentFault, toAgentError } from './fault.ts'
import type { Machine } from './machine.ts'
import { stepsWith } from './step-list.ts'

const MAX_RESULTS = 200
/** Time for an answer to leave before the machine goes away under it. */
const FAREWELL_MS = 500
const RATE_WINDOW_MS = 1000

export interface CommandRunner {
  /** Parses and starts. Throws AgentFault when refused. `done` resolves (never rejects) when the command has ended. */
  start(body: unknown): { result: CommandResult; kind: Command['kind']; done: Promise<void> }
  list(): CommandResult[]
  /** Throws RequestedObjectNotFound. */
  get(id: string): { result: CommandResult; done: Promise<void> }
  /** Asks a running command to stop; it ends as FAILED with CommandAborted. */
  abort(id: string): void
  /** Aborts what runs and forgets farewells that are due; resolves when nothing runs any more. */
  close(): Promise<void>
}

export interface RunnerOptions {
  commands: readonly Command[]
  machine: Machine
  node: AgentNode
  config: AgentConfig
  boot?: CommandContext['boot']
  log(message: string): void
  /** Called when an asynchronous command has ended: the time for a heartbeat. */
  onEnd(): void
}

interface Entry {
  result: CommandResult
  done: Promise<void>
  controller: AbortController
}

/** Turns (bytes, time) pairs into a rate over about the last second. */
function rateMeter(mono: () => number): (bytes: number) => number {
  let from = { at: mono(), bytes: 0 }
  let rate = 0
  return (bytes) => {
    const elapsed = mono() - from.at
    if (bytes < from.bytes) from = { at: mono(), bytes }
    else if (elapsed >= RATE_WINDOW_MS || rate === 0) {
      rate = elapsed > 0 ? Math.round(((bytes - from.bytes) * 1000) / elapsed) : 0
      if (elapsed >= RATE_WINDOW_MS) from = { at: mono(), bytes }
    }
    return rate
  }
}

export function createCommandRunner(options: RunnerOptions): CommandRunner {
  const { machine, config, log } = options
  const byName = new Map(options.commands.map((command) => [command.name, command]))
  const steps = stepsWith(options.commands)
  const entries: Entry[] = []
  let highestEpoch = 0
  let node = options.node
  const farewellTimers = new Set<NodeJS.Timeout>()
  let closed = false

  const refuseStale = (epoch: number | undefined) => {
    if (epoch === undefined) return
    if (epoch < highestEpoch) throw new AgentFault('StaleEpoch', `stale epoch: ${epoch} is older than ${highestEpoch}`)
    highestEpoch = epoch
  }

  const run = async (command: Command, params: unknown, entry: Entry): Promise<void> => {
    const { result, controller } = entry
    const farewells: (() => Promise<void>)[] = []
    const rate = rateMeter(() => machine.mono())
    const context: CommandContext = {
      signal: controller.signal,
      machine,
      node,
      config,
      steps,
      boot: options.boot ?? {},
      log,
      progress(step, bytes, total) {
        const progress: CommandProgress = { step, bytes, ratePerS: rate(bytes), ...(total !== undefined && { total }) }
        result.command_progress = progress
      },
      afterwards: (action) => void farewells.push(action),
    }
    const startedAt = machine.mono()
    try {
      const outcome = await command.run(context, params)
      result.command_result = toResult(result.command_name, outcome)
      result.command_status = 'SUCCEEDED'
    } catch (error) {
      const mismatch = error instanceof AgentFault && error.type === 'VersionMismatch'
      result.command_error = toAgentError(
        controller.signal.aborted
          ? new AgentFault('CommandAborted', `${command.name} was aborted`, String(error))
          : error,
      )
      result.command_status = mismatch ? 'CLEAN_VERSION_MISMATCH' : 'FAILED'
    }
    delete result.command_progress
    const why = result.command_error ? `: ${result.command_error.message}; ${result.command_error.details}` : ''
    log(
      `${command.name} ${result.command_status.toLowerCase()} after ${((machine.mono() - startedAt) / 1000).toFixed(1)} s${why}`,
    )
    if (command.kind === 'async') options.onEnd()
    if (farewells.length === 0 || closed) return
    const timer = setTimeout(() => {
      farewellTimers.delete(timer)
      for (const farewell of farewells) farewell().catch((error: unknown) => log(`${command.name}: ${String(error)}`))
    }, FAREWELL_MS)
    farewellTimers.add(timer)
  }

  const find = (id: string) => {
    const entry = entries.find(({ result }) => result.id === id)
    if (!entry) throw new AgentFault('RequestedObjectNotFound', `command ${id.slice(0, 64)} not found`)
    return entry
  }

  return {
    start(body) {
      const request = commandRequestSchema.safeParse(body)
      if (!request.success) throw new AgentFault('InvalidContent', `not a command: ${z.prettifyError(request.error)}`)
      const { name, params, epoch, key } = request.data
      refuseStale(epoch)
      const known = key === undefined ? undefined : entries.find(({ result }) => result.key === key)
      if (known)
        return {
          result: { ...known.result, repeated: true },
          kind: byName.get(name)?.kind ?? 'async',
          done: known.done,
        }
      const command = byName.get(name)
      if (!command) {
        const extension = name.split('.')[0]
        const isExtension = options.commands.some((other) => other.name.startsWith(`${extension}.`))
        throw isExtension
          ? new AgentFault('InvalidCommandError', `unknown command ${name}`)
          : new AgentFault('RequestedObjectNotFound', `unknown extension ${extension}`)
      }
      const parsed = command.params.safeParse(params)
      if (!parsed.success)
        throw new AgentFault('InvalidCommandParamsError', `parameters of ${name}: ${z.prettifyError(parsed.error)}`)
      const busy = entries.find(({ result }) => result.command_status === 'RUNNING')
      if (busy) throw new AgentFault('AgentIsBusy', `agent is busy executing ${busy.result.command_name}`)
      // Commands carry the node as it is now; the lookup's is older.
      const newer = agentNodeSchema.safeParse(params['node'])
      if (newer.success) node = newer.data
      const result: CommandResult = {
        id: crypto.randomUUID(),
        command_name: name.slice(name.indexOf('.') + 1),
        command_status: 'RUNNING',
        command_error: null,
        command_result: null,
        ...(key === undefined ? {} : { key }),
      }
      const entry: Entry = { result, controller: new AbortController(), done: Promise.resolve() }
      entries.push(entry)
      if (entries.length > MAX_RESULTS) entries.shift()
      log(`${name} started`)
      entry.done = run(command, parsed.data, entry)
      return { result, kind: command.kind, done: entry.done }
    },
    list: () => entries.map(({ result }) => result),
    get: find,
    abort: (id) => find(id).controller.abort(),
    async close() {
      closed = true
      for (const timer of farewellTimers) clearTimeout(timer)
      for (const { controller } of entries) controller.abort()
      await Promise.all(entries.map((entry) => entry.done))
    },
  }
}

function toResult(commandName: string, outcome: CommandOutcome): Record<string, unknown> | null {
  if (outcome === undefined) return null
  return typeof outcome === 'string' ? { result: `${commandName}: ${outcome}` } : outcome
}
