// Inspection by the agent in the ramdisk (Ironic's inspect interface `agent`): what it found becomes inventory, plugin data, properties and ports.
import { inspectionDataSchema, type InspectionData } from '../../../shared/agent-protocol.ts'
import { FaultError } from '../../../shared/faults.ts'
import { AgentRefusal } from '../../agents/agent-connection.ts'
import { type AgentOptions, nodeParams, performer } from '../../deploy/perform.ts'
import type { Implementation, StepResult } from '../../driver.ts'
import { fitting } from '../fitting.ts'

const GIB = 1024 ** 3
/** Shares of the one message that facts travel in. */
const ROOM = { disks: 13 * 1024, interfaces: 11 * 1024, named: 3 * 1024, pci: 13 * 1024, cores: 9 * 1024 } as const

export function agentInspect<Info>(options: AgentOptions<Info>): Implementation<Info> {
  const perform = performer(options)
  return {
    steps: {
      async inspect_hardware(context) {
        const step = 'inspect_hardware'
        const found = await perform(context, step, 'inspection.collect', nodeParams(context)).catch(
          async (error: unknown) => {
            // Ironic's own agent has no such command.
            if (!(error instanceof AgentRefusal) || ![400, 404].includes(error.status)) throw error
            return { inventory: await perform(context, step, 'poll.get_hardware_info', {}) }
          },
        )
        const { data, error } = inspectionDataSchema.safeParse(found)
        if (error) {
          const [issue] = error.issues
          throw new FaultError('agent.command', `inspection: ${issue?.path.join('.')} ${issue?.message}`)
        }
        if (data.error) throw new FaultError('agent.command', `the ramdisk could not inspect it: ${data.error}`)
        return { facts: factsOf(data) }
      },
    },
  }
}

/** `ports`: the NICs, each to be a port of the node where no port has its address yet. */
export function factsOf({ inventory, ...more }: InspectionData): NonNullable<StepResult['facts']> {
  const { cpu, memory, boot } = inventory
  // A tar of logs is longer than a message.
  const found = Object.fromEntries(Object.entries(more).filter(([key]) => key !== 'logs')) as Found
  const interfaces = fitting(inventory.interfaces, ROOM.interfaces).list
  const macs = interfaces.flatMap(({ mac_address: mac }) => (mac ? [mac.toLowerCase()] : []))
  if (macs.length === 0) throw new FaultError('agent.command', 'the machine has no NIC with a MAC address')
  const bootMac = macOf(boot.pxe_interface)
  const boots = (mac: string) => bootMac === undefined || bootMac === mac
  const { root_disk: root, pci_devices: pci, numa_topology: numa } = found
  const local_gb = root ? Math.max(0, Math.floor(root.size / GIB) - 1) : 0
  return {
    inventory: {
      ...inventory,
      disks: fitting<object>(inventory.disks, ROOM.disks).list,
      interfaces,
    },
    plugin_data: {
      ...found,
      ...interfacesOf(interfaces, boots),
      macs,
      ...(pci && { pci_devices: fitting(pci, ROOM.pci).list }),
      ...(numa && { numa_topology: { ...numa, cpus: fitting(numa.cpus, ROOM.cores).list } }),
    },
    properties: { cpu_arch: cpu.architecture, cpus: cpu.count, memory_mb: memory.physical_mb, local_gb },
    boot_mode: boot.current_boot_mode,
    ports: macs.map((address) => ({ address, pxe_enabled: boots(address) })),
  }
}

/** By name, as Ironic's hook validate-interfaces tells them: gophercloud knows the data by valid_interfaces, and Metal3 reads there which NIC boots. */
function interfacesOf(interfaces: InspectionData['inventory']['interfaces'], boots: (mac: string) => boolean) {
  const told = interfaces.map(({ name, mac_address }) => {
    const mac = mac_address?.toLowerCase() ?? null
    return { name, mac_address: mac, pxe_enabled: mac !== null && boots(mac) }
  })
  const named = (list: typeof told) =>
    Object.fromEntries(fitting(list, ROOM.named).list.map((each) => [each.name, each]))
  return { all_interfaces: named(told), valid_interfaces: named(told.filter(({ mac_address: mac }) => mac !== null)) }
}

interface Found extends Record<string, unknown> {
  readonly root_disk?: { readonly size: number } | null
  readonly pci_devices?: readonly object[]
  readonly numa_topology?: { readonly cpus: readonly object[] }
}

/** PXELINUX writes 01-52-54-…: the type of the network before the address. */
function macOf(bootif: string | null): string | undefined {
  const [mac] = /(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.exec(bootif ?? '') ?? []
  return mac?.toLowerCase().replaceAll('-', ':')
}
