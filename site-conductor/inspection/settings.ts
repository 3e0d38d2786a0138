// What a site wants of inspections: the keys inspection… of its conductors' configuration (config.ts).
import { parseNetwork } from '../site/networks.ts'
import { DEFAULT_HOOKS, HOOKS, type HookName } from './hooks.ts'

export const ADD_PORTS = ['pxe', 'active', 'all', 'disabled'] as const
export const KEEP_PORTS = ['all', 'present', 'added'] as const

export interface InspectionSettings {
  readonly hooks: readonly HookName[]
  /** Which NICs are to have ports: the one that booted, those with an IP address, all, none. */
  readonly addPorts: (typeof ADD_PORTS)[number]
  /** Which ports stay: all, those of NICs that are there, those of NICs that are to have ports. */
  readonly keepPorts: (typeof KEEP_PORTS)[number]
  readonly updatePxeEnabled: boolean
  /** Names of capabilities by PCI ids: 8086:1521. */
  readonly pciAliases: ReadonlyMap<string, string>
  readonly accelerators: ReadonlyMap<string, { readonly type: string; readonly info: string }>
  /** Undefined where no network that is known holds the address. */
  physicalNetworkOf(address: string): string | undefined
}

/** As the configuration has them. */
export interface InspectionConfig {
  readonly inspectionHooks: readonly HookName[]
  readonly inspectionAddPorts: InspectionSettings['addPorts']
  readonly inspectionKeepPorts: InspectionSettings['keepPorts']
  readonly inspectionUpdatePxeEnabled: boolean
  readonly inspectionPciAliases: readonly string[]
  readonly inspectionPhysicalNetworks: readonly string[]
  readonly inspectionAccelerators: readonly string[]
}

/** Ids of pci.ids. */
export const KNOWN_ACCELERATORS: readonly string[] = [
  '10de:1eb8=GPU:NVIDIA Tesla T4',
  '10de:1df6=GPU:NVIDIA Tesla V100S',
  '10de:20f1=GPU:NVIDIA A100',
  '10de:20b5=GPU:NVIDIA A100 80GB',
]
export const PCI_ALIAS = /^[0-9a-f]{4}:[0-9a-f]{4}=[\w.-]{1,128}$/i
export const ACCELERATOR = /^[0-9a-f]{4}:[0-9a-f]{4}=[\w-]{1,32}:[^:]{1,128}$/i

/** Why the list cannot be the hooks of a site. */
export function hooksError(chosen: readonly string[]): string | undefined {
  const unknown = chosen.find((name) => !Object.hasOwn(HOOKS, name))
  if (unknown !== undefined) return `there is no hook ${unknown}; possible are ${Object.keys(HOOKS).join(', ')}`
  for (const name of chosen as readonly HookName[]) {
    const { needs } = HOOKS[name]
    if (needs !== undefined && !chosen.includes(needs)) return `${name} needs ${needs}`
  }
  return undefined
}

/** `10.2.0.0/16=provisioning` */
export function physicalNetworkError(text: string): string | undefined {
  const [network = '', name = ''] = text.split('=')
  if (!/^[\w.:/-]{1,64}$/.test(name))
    return `${JSON.stringify(text)} does not name a physical network: 10.2.0.0/16=name`
  try {
    parseNetwork(network)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

export function inspectionSettings(config: InspectionConfig): InspectionSettings {
  const networks = config.inspectionPhysicalNetworks.map((each) => {
    const [network = '', name = ''] = each.split('=')
    return { ...parseNetwork(network), name }
  })
  return {
    hooks: config.inspectionHooks,
    addPorts: config.inspectionAddPorts,
    keepPorts: config.inspectionKeepPorts,
    updatePxeEnabled: config.inspectionUpdatePxeEnabled,
    pciAliases: byId(config.inspectionPciAliases, (name) => name),
    accelerators: byId(config.inspectionAccelerators, (text) => {
      const [type = '', info = ''] = text.split(':')
      return { type, info }
    }),
    physicalNetworkOf: (address) => networks.find((network) => network.holds(address))?.name,
  }
}

function byId<T>(all: readonly string[], read: (text: string) => T): ReadonlyMap<string, T> {
  return new Map(
    all.map((each) => {
      const [id = '', text = ''] = each.split('=')
      return [id.toLowerCase(), read(text)] as const
    }),
  )
}

export const DEFAULT_INSPECTION: InspectionSettings = inspectionSettings({
  inspectionHooks: DEFAULT_HOOKS,
  inspectionAddPorts: 'pxe',
  inspectionKeepPorts: 'all',
  inspectionUpdatePxeEnabled: true,
  inspectionPciAliases: [],
  inspectionPhysicalNetworks: [],
  inspectionAccelerators: KNOWN_ACCELERATORS,
})
