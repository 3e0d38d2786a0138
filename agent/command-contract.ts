// What every agent command must hold, ours and those of third parties: import it into a test file of yours and call it with your command.
//   describeCommand(myCommand, { good: {...}, bad: [{...}] })
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import type { Command, CommandContext } from './command.ts'
import { AgentFault } from './fault.ts'
import { fakeContext, fakeMachine } from './testing.ts'

export interface ContractCase {
  /** Parameters that the command accepts. */
  good: Record<string, unknown>
  /** Parameters that it must refuse. */
  bad: unknown[]
  /** A context in which `good` keeps the command busy, for the abort; without one it runs on a machine without disks. */
  context?: () => Promise<CommandContext> | CommandContext
}

const ABORT_PATIENCE_MS = 5000

export function describeCommand(command: Command, { good, bad, context }: ContractCase): void {
  describe(`command ${command.name}`, () => {
    it('is named extension.command, in lower case', () => {
      expect(command.name).toMatch(/^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$/)
    })

    it('says what it is about, and how it answers', () => {
      expect(command.about.length).toBeGreaterThan(10)
      expect(['sync', 'async']).toContain(command.kind)
    })

    it('describes its parameters as JSON Schema', () => {
      const schema = z.toJSONSchema(command.params, { io: 'input', unrepresentable: 'any' })
      expect(schema.type).toBe('object')
      expect(JSON.stringify(schema).length).toBeLessThan(65_536)
    })

    it('accepts good parameters and refuses bad ones', () => {
      expect(command.params.safeParse(good)).toMatchObject({ success: true })
      const accepted = [null, 'text', 5, [], ...bad].filter((params) => command.params.safeParse(params).success)
      expect(accepted).toEqual([])
    })

    it('stops when it is aborted, and answers with a value or an error', async () => {
      const controller = new AbortController()
      const base = (await context?.()) ?? fakeContext(fakeMachine())
      const running = command.run({ ...base, signal: controller.signal }, command.params.parse(good))
      controller.abort()
      const late = Symbol('late')
      let timer: NodeJS.Timeout | undefined
      const patience = new Promise<typeof late>((resolve) => {
        timer = setTimeout(() => resolve(late), ABORT_PATIENCE_MS)
      })
      const outcome = await Promise.race([running.then(JSON.stringify, (error: unknown) => error), patience])
      clearTimeout(timer)
      expect(outcome).not.toBe(late)
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(AgentFault)
    })
  })
}
