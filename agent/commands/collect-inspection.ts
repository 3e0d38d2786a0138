// inspection.collect: all that an inspection wants to know of this machine, as Ironic's agent would post it to continue_inspection. The conductor asks
// for it, so that it comes from the agent that was given this boot's token and from nobody else.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { agentNodeSchema, agentPortSchema, type InventoryInterface } from '../../shared/agent-protocol.ts'
import { type CommandContext, defineCommand } from '../command.ts'
import { AgentFault } from '../fault.ts'
import { readInventory } from '../hardware/inventory.ts'
import { withLldp } from '../hardware/lldp.ts'
import { readNumaTopology } from '../hardware/numa-topology.ts'
import { listPciDevices } from '../hardware/pci-devices.ts'
import { parseKernelParameters } from '../kernel-parameters.ts'
import { MANAGER, MANAGER_VERSION } from '../step-list.ts'
import { arraysOf } from '../steps/arrays.ts'
import { findRootDisk } from '../steps/root-disk.ts'

const COLLECTORS = ['default', 'pci-devices', 'numa-topology']

export const collectInspection = defineCommand({
  name: 'inspection.collect',
  about:
    'The inventory of this machine, with what its switches say (ipa-collect-lldp), its root disk, the NIC it booted from, its PCI devices and its NUMA topology.',
  kind: 'async',
  params: z.object({ node: agentNodeSchema.optional(), ports: z.array(agentPortSchema).max(256).optional() }),
  async run(context) {
    const { root } = context.machine
    await arraysOf(context)
    const inventory = await readInventory(root, await context.machine.listDisks())
    const interfaces = await heard(context, inventory.interfaces)
    return {
      inventory: { ...inventory, interfaces },
      root_disk: await rootDisk(context, inventory.disks),
      boot_interface: inventory.boot.pxe_interface,
      configuration: {
        collectors: COLLECTORS,
        managers: Object.values(MANAGER_VERSION).map((version) => ({ name: MANAGER, version })),
      },
      pci_devices: await listPciDevices(root),
      numa_topology: await readNumaTopology(root),
      error: null,
    }
  },
})

/** With what switches say, where the kernel parameters ask for it. */
async function heard({ machine, log }: CommandContext, nics: readonly InventoryInterface[]) {
  const line = await readFile(join(machine.root, 'proc/cmdline'), 'utf8').catch(() => '')
  const { lldpTimeoutMs } = parseKernelParameters(line)
  const listen = machine.listenForLldp
  return lldpTimeoutMs === undefined || !listen ? nics : await withLldp(nics, (nic) => listen(nic, lldpTimeoutMs), log)
}

/** Null where there is none, or none that the hints fit: a machine without disks can be inspected, too. */
async function rootDisk<T extends { name: string }>(context: CommandContext, disks: readonly T[]): Promise<T | null> {
  try {
    const { path } = await findRootDisk(context)
    return disks.find(({ name }) => name === path) ?? null
  } catch (error) {
    if (!(error instanceof AgentFault)) throw error
    context.log(`no root disk: ${error.message}`)
    return null
  }
}
