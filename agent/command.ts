// An agent command is one file: name, what it is about, the schema of its parameters, and run(). Everything it may touch comes in its context.
import type * as z from 'zod'
import type { AgentConfig, AgentNode } from '../shared/agent-protocol.ts'
import type { LayerSource } from '../shared/layers.ts'
import type { KernelParameters } from './kernel-parameters.ts'
import type { Machine } from './machine.ts'

export interface CommandContext {
  /** Fires when the command is to stop; run() then rejects soon and leaves the disk in a state that does not boot by halves. */
  readonly signal: AbortSignal
  readonly machine: Machine
  /** The node as the conductor last showed it: by the lookup, or in the command's own parameters. */
  readonly node: AgentNode
  readonly config: AgentConfig
  /** All that this ramdisk has. */
  readonly steps: readonly Step[]
  /** Of a step: the work that it is part of, and the node's ports. */
  readonly phase?: Phase
  readonly ports?: readonly { readonly address?: string | undefined }[]
  /** Where layers are that the step may need, as its conductor says. */
  readonly layers?: Readonly<Record<string, LayerSource>>
  /** What the boot loader said about image sources; see kernel-parameters.ts. */
  readonly boot: Pick<KernelParameters, 'imageStallMs' | 'imageTries'>
  log(message: string): void
  /** Bytes done so far in a named part of the work; shown while the command runs. */
  progress(step: string, bytes: number, total?: number): void
  /** Runs after the result has been stored and its answer had time to leave: for power off and reboot. */
  afterwards(action: () => Promise<void>): void
}

export type CommandOutcome = Record<string, unknown> | string | undefined

export interface Command {
  /** extension.command, as on the wire. */
  readonly name: string
  readonly about: string
  /** sync: the answer to the POST is the result. async: the answer is RUNNING unless the caller waits. */
  readonly kind: 'sync' | 'async'
  readonly params: z.ZodType
  /** It is a step as well, called as its name says behind the dot: lists of steps may have it, with its parameters as arguments. */
  readonly priorities?: Step['priorities'] | undefined
  /** A text becomes `{result: "<command>: <text>"}`. `params` went through the schema. */
  run(context: CommandContext, params: unknown): Promise<CommandOutcome>
}

/** Gives `run` the parsed type of its own schema. */
export function defineCommand<Params extends z.ZodType>(command: {
  name: string
  about: string
  kind: 'sync' | 'async'
  params: Params
  run(context: CommandContext, params: z.output<Params>): Promise<CommandOutcome>
}): Command {
  return command as unknown as Command
}

/** The kinds of work that have steps of an agent: PHASE.execute_PHASE_step runs one. */
export type Phase = 'deploy' | 'clean' | 'service'

/** A step that the conductor may order; one file each, in steps/. */
export interface Step {
  readonly interface: 'deploy' | 'raid'
  readonly step: string
  readonly about: string
  /** For the work that may have it. 0: runs only when asked for; higher runs earlier in automated cleaning. */
  readonly priorities: Readonly<Partial<Record<Phase, number>>>
  readonly args: z.ZodType
  run(context: CommandContext, args: unknown): Promise<CommandOutcome>
}

export function defineStep<Args extends z.ZodType>(step: {
  interface: 'deploy' | 'raid'
  step: string
  about: string
  priorities: Partial<Record<Phase, number>>
  args: Args
  run(context: CommandContext, args: z.output<Args>): Promise<CommandOutcome>
}): Step {
  return step as unknown as Step
}
