// Step: what kernels have left in the machine's own memory for their last words (crash logs, in which a tenant's data may be).
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { defineStep } from '../command.ts'
import { AgentFault } from '../fault.ts'

export const erasePstoreStep = defineStep({
  interface: 'deploy',
  step: 'erase_pstore',
  about: 'Removes the records of crashed kernels from the machine (pstore).',
  priorities: { clean: 0 },
  args: z.object({}),
  async run({ machine }) {
    const folder = join(machine.root, 'sys/fs/pstore')
    const names = await readdir(folder).catch(() => undefined)
    if (names === undefined) return 'this machine keeps no such records'
    const failures: string[] = []
    for (const name of names)
      await rm(join(folder, name), { recursive: true }).catch((error: Error) => failures.push(error.message))
    if (failures.length > 0)
      throw new AgentFault('CommandExecutionError', 'records in pstore could not be removed', failures.join('; '))
    return `${names.length} records removed`
  },
})
