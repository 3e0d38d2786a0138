// poll.get_hardware_info: the inventory of this machine.
import * as z from 'zod'
import { defineCommand } from '../command.ts'
import { readInventory } from '../hardware/inventory.ts'
import { arraysOf } from '../steps/arrays.ts'

export const getHardwareInfo = defineCommand({
  name: 'poll.get_hardware_info',
  about: 'Interfaces, processors, memory, disks, vendor and boot mode of this machine.',
  kind: 'sync',
  params: z.object({}),
  async run(context) {
    await arraysOf(context)
    return readInventory(context.machine.root, await context.machine.listDisks())
  },
})
