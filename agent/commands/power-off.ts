// standby.power_off: flushes the disks and switches the machine off, after the answer has left.
import * as z from 'zod'
import { defineCommand } from '../command.ts'

export const powerOff = defineCommand({
  name: 'standby.power_off',
  about: 'Flushes all disks and switches the machine off.',
  kind: 'async',
  params: z.object({}),
  async run({ machine, afterwards }) {
    await machine.sync()
    afterwards(() => machine.powerOff())
    return undefined
  },
})
