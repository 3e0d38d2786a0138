// standby.sync: everything written is on the disks when this answers.
import * as z from 'zod'
import { defineCommand } from '../command.ts'

export const sync = defineCommand({
  name: 'standby.sync',
  about: 'Flushes all disks.',
  kind: 'sync',
  params: z.object({}),
  async run({ machine }) {
    await machine.sync()
    return undefined
  },
})
