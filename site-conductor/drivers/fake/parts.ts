// BIOS, RAID, firmware, console, inspection, rescue and storage of fake hardware.
import type { Implementation, StepContext } from '../../driver.ts'
import { FACTORY_BIOS, type Info, type Machine, refuse, step } from './machine.ts'

export function biosFacts(machine: Machine): { bios_settings: Record<string, unknown>[] } {
  const more = { attribute_type: 'String', read_only: false, reset_required: true, unique: false }
  return { bios_settings: [...machine.bios].map(([name, value]) => ({ name, value, ...more })) }
}

export function firmwareFacts(machine: Machine): { firmware_components: Record<string, unknown>[] } {
  const components = [...machine.firmware].map(([component, { initial, current, flashed }]) => ({
    component,
    initial_version: initial,
    current_version: current,
    last_version_flashed: flashed ?? null,
    vendor: 'Ferrule',
    model: 'Fake',
  }))
  return { firmware_components: components }
}

function listOf(args: Readonly<Record<string, unknown>>, name: string): Record<string, unknown>[] {
  const list = args[name]
  return Array.isArray(list) && list.every((each) => typeof each === 'object' && each !== null)
    ? (list as Record<string, unknown>[])
    : refuse(`${name} must be a list of objects`)
}

const SETTINGS = { settings: { description: 'What to set: a list of {name, value}', required: true } }

export const bios: Implementation<Info> = {
  offers: {
    apply_configuration: { clean: 0, deploy: 0, service: 0, ramdisk: false, args: SETTINGS },
    factory_reset: { clean: 0, deploy: 0, service: 0, ramdisk: false },
  },
  steps: {
    apply_configuration: step('bios.apply_configuration', (machine, { args }) => {
      for (const { name, value } of listOf(args, 'settings')) {
        if (!machine.bios.has(String(name))) refuse(`there is no BIOS setting ${String(name)}`)
        machine.bios.set(String(name), String(value))
        machine.log.push(`bios ${String(name)}=${String(value)}`)
      }
      return { facts: biosFacts(machine) }
    }),
    factory_reset: step('bios.factory_reset', (machine) => {
      machine.bios = new Map(Object.entries(FACTORY_BIOS))
      machine.log.push('bios reset')
      return { facts: biosFacts(machine) }
    }),
  },
}

const RAID_CONFIG = {
  raid_config: { description: 'The RAID configuration: {"logical_disks": […]}', required: true },
  delete_existing: { description: 'Remove what is there first (true)' },
}

function build(machine: Machine, { env }: StepContext<Info>, config: unknown, deletes: boolean) {
  const disks = (config as { logical_disks?: unknown } | undefined)?.logical_disks
  if (!Array.isArray(disks) || disks.length === 0) refuse('target_raid_config has no logical_disks')
  machine.raid = [...(deletes ? [] : machine.raid), ...(disks as Record<string, unknown>[])]
  machine.log.push(`raid ${machine.raid.map((disk) => String(disk['raid_level'])).join(', ')}`)
  const last_updated = new Date(env.now()).toISOString()
  return { facts: { raid_config: { logical_disks: machine.raid, last_updated } } }
}

export const raid: Implementation<Info> = {
  offers: {
    create_configuration: { clean: 0 },
    delete_configuration: { clean: 0, deploy: 0, service: 0 },
    apply_configuration: { deploy: 0, service: 0, args: RAID_CONFIG },
  },
  steps: {
    /** What it is to be like is on the node. */
    create_configuration: step('raid.create_configuration', (machine, context) =>
      build(machine, context, context.task.context['target_raid_config'], true),
    ),
    apply_configuration: step('raid.apply_configuration', (machine, context) =>
      build(machine, context, context.args['raid_config'], context.args['delete_existing'] !== false),
    ),
    delete_configuration: step('raid.delete_configuration', (machine) => {
      machine.raid = []
      machine.log.push('raid deleted')
      return { facts: { raid_config: {} } }
    }),
  },
}

export const firmware: Implementation<Info> = {
  offers: {
    update: {
      clean: 0,
      deploy: 0,
      service: 0,
      args: { settings: { description: 'What to flash: a list of {component, url}', required: true } },
    },
  },
  steps: {
    update: step('firmware.update', (machine, { args }) => {
      for (const { component, url } of listOf(args, 'settings')) {
        const known = machine.firmware.get(String(component)) ?? refuse(`there is no component ${String(component)}`)
        // The version is in the file's name, as vendors have it: bios-1.2.3.bin.
        const version = /(\d+(?:\.\d+)+)/.exec(String(url))?.[1] ?? refuse(`no version in ${String(url)}`)
        machine.firmware.set(String(component), { ...known, current: version, flashed: version })
        machine.log.push(`firmware ${String(component)} ${version}`)
      }
      return { facts: firmwareFacts(machine) }
    }),
  },
}

export const console: Implementation<Info> = {
  steps: {
    start_console: step('console.start_console', (machine) => {
      machine.console = true
      machine.log.push('console on')
      return { facts: { console_enabled: true } }
    }),
    stop_console: step('console.stop_console', (machine) => {
      machine.console = false
      machine.log.push('console off')
      return { facts: { console_enabled: false } }
    }),
  },
  methods: { get_console: async ({ node }) => ({ type: 'fake', url: `fake://console/${node.node}` }) },
}

const GIB = 1024 ** 3

export const inspect: Implementation<Info> = {
  steps: {
    inspect_hardware: step('inspect.inspect_hardware', (machine, { node }) => {
      machine.log.push('inspected')
      const [count, memoryMiB, disk] = [8, 32_768, 480 * GIB]
      const inventory = {
        cpu: { architecture: 'x86_64', count, model_name: 'Fake CPU', flags: [] },
        memory: { physical_mb: memoryMiB, total: memoryMiB * 1024 * 1024 },
        disks: [{ name: '/dev/fake0', size: disk, model: 'Fake disk', rotational: false }],
        interfaces: node.ports.map(({ address }, i) => ({ name: `eth${i}`, mac_address: address, has_carrier: true })),
        system_vendor: { manufacturer: 'Ferrule', product_name: 'Fake', serial_number: node.node },
        boot: { current_boot_mode: machine.bootMode },
      }
      const properties = { cpu_arch: 'x86_64', cpus: count, memory_mb: memoryMiB, local_gb: disk / GIB - 1 }
      return { facts: { inventory, plugin_data: {}, properties, boot_mode: machine.bootMode } }
    }),
  },
}

export const rescue: Implementation<Info> = {
  steps: {
    /** As an agent would, it gets the password; nothing keeps it. */
    rescue: step('rescue.rescue', async (machine, { task, site, node }) => {
      const { rescue_password: sealed } = (task.context['instance_info'] ?? {}) as { rescue_password?: string }
      if (sealed === undefined) refuse('the instance has no rescue_password')
      await site.open(node.node, 'instance_info.rescue_password', sealed)
      machine.rescued = true
      machine.log.push('rescued')
    }),
    unrescue: step('rescue.unrescue', (machine) => {
      machine.rescued = false
      machine.log.push('unrescued')
    }),
  },
}

/** Volumes that are not there: told to the machine with the instance that is to have them, and taken away with it. */
export const storage: Implementation<Info> = {
  storage: { boots: false },
  validate() {},
  steps: {
    attach_volumes: step('storage.attach_volumes', (machine) => void machine.log.push('volumes attached')),
    detach_volumes: step('storage.detach_volumes', (machine) => void machine.log.push('volumes detached')),
  },
}
