// The conductor's configuration: one schema, parsed once. A flag wins over the environment, that over the file, that over the default.
// Key `dataDir` is flag --data-dir, environment FERRULE_CONDUCTOR_DATA_DIR and "dataDir" in the JSON file. Unknown keys are errors.
import { z } from 'zod'
import { COLLECT } from './deploy/deploy-logs.ts'
import { externalUrlError } from './boot/external-url.ts'
import { DEFAULT_HOOKS, type HookName } from './inspection/hooks.ts'
import {
  ACCELERATOR,
  ADD_PORTS,
  hooksError,
  KEEP_PORTS,
  KNOWN_ACCELERATORS,
  PCI_ALIAS,
  physicalNetworkError,
} from './inspection/settings.ts'
import { networkError } from './site/networks.ts'

export const DEFAULT_FILE = '/etc/ferrule/conductor.json'
const ENVIRONMENT_PREFIX = 'FERRULE_CONDUCTOR_'

const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')])
const list = z.union([z.array(z.string()), z.string().transform((text) => text.split(',').map((part) => part.trim()))])
const port = z.coerce.number().int().min(0).max(65_535)

/** A text, or a list of them, about which `why` has nothing to say. */
const judged =
  <T>(why: (value: T) => string | undefined) =>
  (value: T, { addIssue }: z.RefinementCtx) => {
    const message = why(value)
    if (message !== undefined) addIssue({ code: 'custom', message })
  }

const STEP_PRIORITY = /^(clean|deploy|verify|service)\.[a-z]+\.[a-z0-9_-]+=\d{1,5}$/

/** Of "10000-10999"; undefined for what is none. */
export function portRange(text: string): { first: number; last: number } | undefined {
  const [, first = 0, last = 0] = (/^(\d{1,5})-(\d{1,5})$/.exec(text) ?? []).map(Number)
  return 0 < first && first <= last && last <= 65_535 ? { first, last } : undefined
}

// prettier-ignore
export const Config = z.strictObject({
  dataDir:       z.string().default('/var/lib/ferrule-conductor').describe('Identity, keys and journal; keep it on a disk that survives a restart'),
  url:           z.string().regex(/^https?:\/\//, 'must be an http or https URL').optional().describe('The cloud, where it moved since enrolment'),
  drivers:       list.default(['ipmi', 'redfish']).describe('Drivers to serve, by name, package or path'),
  powerPollS:    z.coerce.number().min(1).max(86_400).default(60).describe('Seconds between two reads of a node\'s power state'),
  stepPriorities: list.pipe(z.array(z.string().regex(STEP_PRIORITY, 'must be like clean.deploy.erase_devices_metadata=0')))
                 .transform((given) => new Map(given.map((each) => [each.split('=')[0]!, Number(each.split('=')[1])] as const)))
                 .default(new Map()).describe('Priorities of steps instead of the drivers\' own, 0 for on request: clean.deploy.erase_devices_metadata=0'),
  logLevel:      z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('Least severe lines that are written'),
  logFormat:     z.enum(['json', 'text']).default('json').describe('json for machines, text for people'),
  boot:          flag.default(true).describe('Serve DHCP, TFTP and HTTP boot, and the agent API'),
  address:       z.string().optional().describe('This host\'s address on the provisioning network: where machines and agents find it. Needed for boot'),
  bootMode:      z.enum(['reservations', 'proxy']).default('reservations').describe('reservations: give nodes their addresses; proxy: another DHCP server does, this one adds what to boot'),
  agentApiPort:  port.default(6384).describe('Port of the agent API (https, certificate of the site CA)'),
  httpBootPort:  port.default(8088).describe('Port that kernels, ramdisks and loaders are served on'),
  httpBootListen: z.string().optional().describe('Address that they are served at, where that is not `address` alone: 0.0.0.0 or :: for all of this host'),
  externalHttpUrls: list.pipe(z.array(z.string().superRefine((text, { addIssue }) => { const message = externalUrlError(text); if (message !== undefined) addIssue({ code: 'custom', message }) })))
                 .default([]).describe('Where BMCs reach httpBootPort, where that is not `address`, by their network: 10.2.0.0/16=http://10.2.0.5:8088; without a network for all others'),
  dhcpPort:      port.default(67).describe('DHCP port; another one is for tests'),
  proxyDhcpPort: port.default(4011).describe('Proxy DHCP port; another one is for tests'),
  tftpPort:      port.default(69).describe('TFTP port; another one is for tests'),
  loaderBios:    z.string().default('/usr/lib/ipxe/undionly.kpxe').describe('iPXE for BIOS machines; absolute path'),
  loaderUefi:    z.string().default('/usr/lib/ipxe/snponly.efi').describe('iPXE for UEFI x86-64 machines; absolute path'),
  loaderGrub:    z.string().optional().describe('GRUB for UEFI x86-64 machines with boot interface pxe, made with an empty prefix; absolute path'),
  loaderPxelinux: z.string().optional().describe('pxelinux.0 for BIOS machines with boot interface pxe; absolute path'),
  loaderLdlinux: z.string().optional().describe('ldlinux.c32 of the same PXELINUX; absolute path'),
  deployKernel:  z.string().default('/var/lib/ferrule-conductor/ramdisk/kernel').describe('Kernel of the deploy ramdisk; absolute path'),
  deployRamdisk: z.string().default('/var/lib/ferrule-conductor/ramdisk/initrd').describe('Initrd of the deploy ramdisk; absolute path'),
  ramdiskLayers: z.string().default('/var/lib/ferrule-conductor/ramdisk/layers').describe('Folder of what steps need and the deploy ramdisk is without: burnin.cpio.zst and the like, of agent/ramdisk/build.ts --layers'),
  fileUrlFolders: list.pipe(z.array(z.string().startsWith('/', 'must be an absolute path'))).default([]).describe('Folders whose files driver_info may name by file URLs, for deploy_kernel and the like; absolute paths'),
  ansiblePlaybooks: list.pipe(z.array(z.string().startsWith('/', 'must be an absolute path'))).default([]).describe('Folders of playbooks that driver_info may name, for deploy interface ansible, the default first; absolute paths. Without any: the conductor\'s own'),
  fetchNetworks: list.pipe(z.array(z.string().superRefine((text, { addIssue }) => { const message = networkError(text); if (message !== undefined) addIssue({ code: 'custom', message }) })))
                 .default([]).describe('Networks that this conductor fetches images, kernels, ramdisks and volumes from, and no others: 10.2.0.0/16. Without any: from everywhere but loopback, link-local, multicast and metadata addresses'),
  iscsiWrites:   z.coerce.number().int().min(1).max(64).default(4).describe('Images that this conductor writes at once, for nodes with deploy_interface iscsi'),
  imageCacheGiB: z.coerce.number().min(1).max(65_536).default(20).describe('Disk space for the images that it writes, below dataDir'),
  bootCacheGiB:  z.coerce.number().min(1).max(65_536).default(10).describe('Disk space for kernels, ramdisks and volumes that nodes name, and as much for the volumes that are made from them, below dataDir'),
  consoleAddress: z.string().default('127.0.0.1').describe('Address that consoles of machines are offered at. Whoever reaches it needs no password: loopback unless the network is trusted'),
  consolePorts:  z.string().refine((text) => portRange(text) !== undefined, 'must be two ports, the lower first, like 10000-10999')
                 .default('10000-10999').describe('TCP ports of consoles, for nodes without ipmi_terminal_port'),
  vncPort:       port.default(6090).describe('Port, at consoleAddress, of the page and the WebSocket of graphical consoles. Whoever comes needs a token that was asked for'),
  vncPublicUrl:  z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/+$/, '')).optional().describe('Where browsers find vncPort, where that is not consoleAddress: a proxy with a certificate'),
  vncTokenS:     z.coerce.number().int().min(10).max(86_400).default(600).describe('Seconds in which the token of a graphical console, good for one viewer, must be used'),
  openstackFile: z.string().startsWith('/', 'must be an absolute path').optional().describe('JSON file that says where the OpenStack of this site is and who this conductor is there, for network interface neutron and storage interface cinder; absolute path'),
  deployLogsCollect: z.enum(COLLECT).default('on_failure').describe('When the logs of a machine\'s agent are kept at this conductor: when its work has failed, always, or never'),
  deployLogsFolder: z.string().startsWith('/', 'must be an absolute path').optional().describe('Folder for them; absolute path. Without it deploy-logs below dataDir'),
  deployLogsMiB: z.coerce.number().min(1).max(1_048_576).default(1024).describe('Disk space for them; the oldest go first'),
  deployLogsFiles: z.coerce.number().int().min(1).max(100_000).default(1000).describe('So many of them are kept; the oldest go first'),
  inspectionHooks: list.superRefine(judged(hooksError)).transform((names) => names as HookName[]).default([...DEFAULT_HOOKS]).describe('What is made of what an inspection found (docs/reference/inspection.md), instead of the usual hooks'),
  inspectionAddPorts: z.enum(ADD_PORTS).default('pxe').describe('NICs that get ports by an inspection. pxe: the one that the machine booted from, all where that is not known; active: those with an IP address in the ramdisk; all; disabled: none'),
  inspectionKeepPorts: z.enum(KEEP_PORTS).default('all').describe('Ports that an inspection leaves. all; present: those of NICs that it found; added: those of NICs that inspectionAddPorts means'),
  inspectionUpdatePxeEnabled: flag.default(true).describe('Ports that are there have pxe_enabled after an inspection if, and only if, the machine booted from their NICs; without effect where that is not known'),
  inspectionPciAliases: list.pipe(z.array(z.string().regex(PCI_ALIAS, 'must be like 8086:1521=i350'))).default([]).describe('Capabilities of hook pci-devices, by vendor and product: 8086:1521=i350'),
  inspectionPhysicalNetworks: list.pipe(z.array(z.string().superRefine(judged(physicalNetworkError)))).default([]).describe('Physical networks of hook physical-network, the first that fits: 10.2.0.0/16=physnet1'),
  inspectionAccelerators: list.pipe(z.array(z.string().regex(ACCELERATOR, 'must be like 10de:1eb8=GPU:NVIDIA Tesla T4'))).default([...KNOWN_ACCELERATORS]).describe('Devices of hook accelerators, by vendor and product: 10de:1eb8=GPU:NVIDIA Tesla T4'),
  kernelArguments: z.string().default('').describe('More arguments for the deploy kernel, such as console=ttyS0,115200'),
})
export type Config = z.output<typeof Config>
type Key = keyof Config
export const CONFIG_KEYS = Object.keys(Config.shape) as Key[]

export type Source = 'flag' | 'environment' | 'file' | 'default'
export interface Resolved {
  readonly config: Config
  readonly sources: Readonly<Record<Key, Source>>
}

export interface ConfigInput {
  readonly flags?: Readonly<Record<string, unknown>>
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Text of the JSON file; undefined when there is none. */
  readonly file?: string | undefined
}

/** Throws an Error whose message lists every mistake, one per line. */
export function resolveConfig(input: ConfigInput): Resolved {
  const mistakes: string[] = []
  const file = parseFile(input.file, mistakes)
  const environment: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(input.environment ?? {})) {
    if (!name.startsWith(ENVIRONMENT_PREFIX) || value === undefined) continue
    const key = CONFIG_KEYS.find((each) => environmentName(each) === name)
    if (key === undefined)
      mistakes.push(`environment: ${name} is unknown${suggestion(name, CONFIG_KEYS.map(environmentName))}`)
    else environment[key] = value
  }
  for (const key of Object.keys(file)) {
    if (!(CONFIG_KEYS as string[]).includes(key))
      mistakes.push(`file: ${key} is unknown${suggestion(key, CONFIG_KEYS)}`)
  }
  const layers: [Source, Readonly<Record<string, unknown>>][] = [
    ['flag', input.flags ?? {}],
    ['environment', environment],
    ['file', file],
  ]
  const chosen: Record<string, unknown> = {}
  const sources = {} as Record<Key, Source>
  for (const key of CONFIG_KEYS) {
    const layer = layers.find(([, values]) => values[key] !== undefined)
    sources[key] = layer?.[0] ?? 'default'
    if (layer !== undefined) chosen[key] = layer[1][key]
  }
  const parsed = Config.safeParse(chosen)
  for (const issue of parsed.error?.issues ?? []) {
    const key = issue.path[0] as Key
    mistakes.push(`${sources[key]}: ${key}: ${issue.message}`)
  }
  if (!parsed.success || mistakes.length > 0) throw new Error(mistakes.join('\n'))
  return { config: parsed.data, sources }
}

/** What `check` prints: each key, its value and where that came from. Credentials inside a URL are masked. */
export function describeConfig({ config, sources }: Resolved): string {
  return CONFIG_KEYS.map((key) => {
    const value = config[key]
    const plain = value instanceof Map ? [...value].map((pair) => pair.join('=')) : value
    const text = plain === undefined ? '(not set)' : JSON.stringify(plain).replace(/(:\/\/)[^/@"]+@/g, '$1******@')
    return `${key.padEnd(16)} ${text.padEnd(32)} ${sources[key]}`
  }).join('\n')
}

export function flagName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

export function environmentName(key: string): string {
  return ENVIRONMENT_PREFIX + key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
}

function parseFile(text: string | undefined, mistakes: string[]): Record<string, unknown> {
  if (text === undefined) return {}
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
    mistakes.push('file: is not a JSON object')
  } catch (error) {
    mistakes.push(`file: is not JSON: ${(error as Error).message}`)
  }
  return {}
}

function suggestion(name: string, known: readonly string[]): string {
  const near = known
    .map((each) => [distance(name.toLowerCase(), each.toLowerCase()), each] as const)
    .sort((a, b) => a[0] - b[0])[0]
  return near !== undefined && near[0] <= 3 ? `: did you mean ${near[1]}?` : `; known are ${known.join(', ')}`
}

/** Levenshtein distance: how many letters differ. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]!
}
