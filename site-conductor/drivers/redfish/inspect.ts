// Inspection by Redfish: what the BMC knows of the machine, without a boot. Properties and inventory as those of an agent.
import { FaultError } from '../../../shared/faults.ts'
import type { Implementation } from '../../driver.ts'
import { getNetworkCards, getProcessors, type Processor } from '../../redfish/inventory.ts'
import { getControllers } from '../../redfish/storage.ts'
import { deployContext } from '../../deploy/task-context.ts'
import { getBootMode } from './boot-device.ts'
import { read, systemOf } from './bmc.ts'
import { inspectionFacts } from '../../inspection/facts.ts'
import { DEFAULT_INSPECTION } from '../../inspection/settings.ts'
import type { RedfishInfo } from './info.ts'

const GIB = 1024 ** 3
const MIB = 1024 ** 2
/** Smaller ones are no root disks (Ironic's rule). */
const LEAST_DISK_BYTES = 4 * GIB

function architectureOf({ ProcessorArchitecture: family, InstructionSet: set }: Processor): string | undefined {
  if (set === 'x86-64' || (family === 'x86' && !set)) return 'x86_64'
  if (set === 'ARM-A64' || (family === 'ARM' && !set)) return 'aarch64'
  return set === 'PowerISA' || family === 'Power' ? 'ppc64le' : undefined
}

export const redfishInspect: Implementation<RedfishInfo> = {
  steps: {
    async inspect_hardware(context) {
      const found = await read(context, async (session, options) => {
        const { value: system } = await systemOf(context, session, options)
        const processors = await getProcessors(session, system, options)
        const cards = await getNetworkCards(session, system, options)
        return { system, processors, cards, controllers: await getControllers(session, system, options) }
      })
      const { system, processors, cards, controllers } = found
      const count = processors.reduce((sum, cpu) => sum + (cpu.TotalThreads ?? cpu.TotalCores ?? 0), 0)
      const memoryGiB = system.MemorySummary?.TotalSystemMemoryGiB ?? 0
      const architecture = processors[0] && architectureOf(processors[0])
      if (count === 0 || memoryGiB === 0 || architecture === undefined)
        throw new FaultError(
          'bmc.refused',
          'the BMC does not say how many processors of which kind, or how much memory there is',
          {
            hint: 'switch the machine on once, so that its BMC learns of them, or inspect with an agent',
          },
        )
      const disks = controllers.flatMap(({ id, volumes, drives }) =>
        volumes.length > 0
          ? volumes.map((volume) => ({
              name: `${id}/${volume.id}`,
              size: volume.bytes,
              model: volume.raidType ?? null,
            }))
          : drives.map((drive) => ({
              name: `${id}/${drive.id}`,
              size: drive.bytes,
              model: drive.model ?? null,
              serial: drive.serialNumber ?? null,
              rotational: drive.media === 'HDD',
            })),
      )
      const fit = disks.filter(({ size }) => size >= LEAST_DISK_BYTES)
      const memory_mb = Math.round(memoryGiB * 1024)
      const boot_mode = await getBootMode(context)
      const interfaces = cards.map(({ name, mac, hasLink, speedMbps }) => ({
        name,
        mac_address: mac,
        has_carrier: hasLink ?? null,
        speed_mbps: speedMbps ?? null,
      }))
      const inventory = {
        cpu: {
          architecture,
          count,
          model_name: processors[0]?.Model ?? null,
          // In MHz, as a text: so it is with agents, and so gophercloud reads it.
          frequency: processors[0]?.MaxSpeedMHz?.toString() ?? null,
        },
        memory: { physical_mb: memory_mb, total: memory_mb * MIB },
        disks,
        // A BMC that tells no NIC does not say that there is none.
        ...(interfaces.length > 0 && { interfaces }),
        system_vendor: {
          manufacturer: system.Manufacturer ?? null,
          product_name: system.Model ?? null,
          serial_number: system.SerialNumber ?? null,
          system_uuid: system.UUID ?? null,
          sku: system.SKU ?? null,
        },
        boot: { current_boot_mode: boot_mode },
      }
      const root_disk = fit.toSorted((a, b) => a.size - b.size)[0] ?? null
      const { properties } = context.node
      const facts = inspectionFacts(
        { inventory, pluginData: { root_disk }, properties, earlierDisks: deployContext(context).inspected_disks },
        context.site.inspection ?? DEFAULT_INSPECTION,
      )
      return { facts }
    },
  },
}
