// A disk's long test of itself, by smartctl: begun on all disks, then asked for until each has an answer. ATA 8 ACS-3 and NVMe 1.4 both have one.
import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import type { CommandContext } from '../../command.ts'
import { AgentFault } from '../../fault.ts'
import type { Programs } from '../../layers.ts'

const LOOK_EVERY_MS = 30_000

const smartAnswer = z.object({
  ata_smart_data: z.object({ self_test: z.object({ status: z.object({ string: z.string() }) }) }).optional(),
  nvme_self_test_log: z
    .object({
      current_self_test_operation: z.object({ value: z.number() }),
      table: z.array(z.object({ self_test_result: z.object({ value: z.number(), string: z.string() }) })).optional(),
    })
    .optional(),
})

type State = 'running' | 'passed' | { readonly failed: string }

/** Undefined where the disk tells nothing about tests of its own. */
function stateIn(text: string): State | undefined {
  const answer = smartAnswer.safeParse(jsonIn(text))
  if (!answer.success) return undefined
  const { ata_smart_data: ata, nvme_self_test_log: nvme } = answer.data
  if (ata) {
    const said = ata.self_test.status.string
    if (said.includes('in progress')) return 'running'
    return said.includes('completed without error') ? 'passed' : { failed: said }
  }
  if (!nvme) return undefined
  if (nvme.current_self_test_operation.value !== 0) return 'running'
  const last = nvme.table?.[0]?.self_test_result
  if (last === undefined) return undefined
  return last.value === 0 ? 'passed' : { failed: last.string }
}

/** Undefined where smartctl said something else, such as why it could not ask. */
function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Throws BurnInError with the disks that have failed; one that cannot test itself is said, and is no failure. */
export async function selfTest(
  { signal, log }: CommandContext,
  programs: Programs,
  paths: readonly string[],
  lookEveryMs = LOOK_EVERY_MS,
): Promise<string> {
  const smartctl = (args: string[]) => programs.run('smartctl', args, { signal, maxBytes: 4 << 20 })
  const waiting = new Set<string>()
  const unable: string[] = []
  for (const path of paths) {
    const { code, stdout } = await smartctl(['-t', 'long', path])
    signal.throwIfAborted()
    if (code === 0) waiting.add(path)
    else {
      unable.push(path)
      log(`${path} tests itself not: ${stdout.trim().slice(-500)}`)
    }
  }
  const [passed, failed]: [string[], string[]] = [[], []]
  while (waiting.size > 0) {
    for (const path of waiting) {
      // Its exit code is a set of bits about the disk, not about the question.
      const state = stateIn((await smartctl(['--json', '-a', path])).stdout)
      signal.throwIfAborted()
      if (state === 'running') continue
      waiting.delete(path)
      if (state === 'passed') passed.push(path)
      else if (state === undefined) unable.push(path)
      else failed.push(`${path}: ${state.failed}`)
    }
    if (waiting.size > 0) await sleep(lookEveryMs, undefined, { signal })
  }
  if (failed.length > 0) throw new AgentFault('BurnInError', 'disks have failed their own test', failed.join('; '))
  const parts = [
    passed.length > 0 && `passed their own test: ${passed.join(', ')}`,
    unable.length > 0 && `no test of their own: ${unable.join(', ')}`,
  ]
  return parts.filter(Boolean).join('; ')
}
