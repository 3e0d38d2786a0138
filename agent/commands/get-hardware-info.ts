// poll.get_hardware_info: the inventory of this machine.
import * as z from 'zod'
import { defineCommand } from '../command.ts'
import { readInventory } from '../hardware/inventory.ts'

export const getHardwareInfo = defineCommand({
  name: 'poll.get_hardware_info',
  about: 'Interfaces, processors, memory, disks, vendor and boot mode of this machine.',
  kind: 'sync',
  params: z.object({}),
  run: async ({ machine }) => readInventory(machine.root, await machine.listDisks()),
})
