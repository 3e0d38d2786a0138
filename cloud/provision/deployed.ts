// What was deployed, or adopted, on a node: its copy is the instance's until that is gone. instance_info says what comes next, and may be changed for that,
// or emptied, while the instance is there.
import type { NodeRow } from '../schema/rows.ts'

type Texts = Readonly<Record<string, string>>

export interface Deployed {
  /** Interfaces that the instance asked for, by kind. */
  readonly interfaces: Texts
  /** Its fields of instance_info that say what a machine boots over the network. */
  readonly boot: Texts
}

/** Where in driver_internal_info it is kept. */
export const DEPLOYED = 'deployed_instance'
/** And, by Ironic's name, the volume target that it is booted from. */
export const BOOT_VOLUME = 'boot_from_volume'

const BOOT_FIELDS = ['kernel', 'ramdisk', 'ramdisk_kernel_arguments', 'boot_iso'] as const

/** Longer than any that could be booted. */
const LONGEST = 2048

/** Undefined: nothing is there, or it came before this was kept. */
export function deployedOf({ driver_internal_info: kept }: NodeRow): Deployed | undefined {
  return (kept as { [DEPLOYED]?: Deployed })[DEPLOYED]
}

/** The node with the copy of what is about to be deployed. */
export function withDeployed(node: NodeRow, interfaces: Texts): NodeRow {
  const deployed: Deployed = { interfaces, boot: bootFieldsOf(node.instance_info) }
  return { ...node, driver_internal_info: { ...(node.driver_internal_info as object), [DEPLOYED]: deployed } }
}

/** The node as one whose instance has yet to come. */
export function withoutDeployed(node: NodeRow): NodeRow {
  const {
    [DEPLOYED]: _,
    [BOOT_VOLUME]: __,
    ...driver_internal_info
  } = node.driver_internal_info as Record<string, unknown>
  return { ...node, driver_internal_info }
}

/** The volume target that the node's instance is booted from. */
export function bootVolumeOf({ driver_internal_info: kept }: NodeRow): string | undefined {
  return (kept as { [BOOT_VOLUME]?: string })[BOOT_VOLUME]
}

export function bootOf(node: NodeRow): Texts {
  const volume = bootVolumeOf(node)
  if (volume !== undefined) return { [BOOT_VOLUME]: volume }
  return deployedOf(node)?.boot ?? bootFieldsOf(node.instance_info)
}

/** instance_info, or what is made of it, with what the instance boots. */
export function withBoot(node: NodeRow, info: Record<string, unknown>): Record<string, unknown> {
  const others = Object.entries(info).filter(([field]) => !([...BOOT_FIELDS, BOOT_VOLUME] as string[]).includes(field))
  return { ...Object.fromEntries(others), ...bootOf(node) }
}

function bootFieldsOf(info: unknown): Record<string, string> {
  const given = info as Record<string, unknown>
  const texts = BOOT_FIELDS.map((field): [string, unknown] => [field, given[field]]).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1].length <= LONGEST,
  )
  return Object.fromEntries(texts)
}
