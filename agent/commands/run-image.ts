// standby.run_image: flushes the disks and restarts the machine, after the answer has left.
import * as z from 'zod'
import { defineCommand } from '../command.ts'

export const runImage = defineCommand({
  name: 'standby.run_image',
  about: 'Flushes all disks and restarts the machine.',
  kind: 'async',
  params: z.object({}),
  async run({ machine, afterwards }) {
    await machine.sync()
    afterwards(() => machine.reboot())
    return undefined
  },
})
