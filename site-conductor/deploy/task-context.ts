// What the steps of a deployment leave in task.context for the next one, at this conductor or at another. Secrets are sealed to the site.
import { z } from 'zod'
import { FaultError } from '../../shared/faults.ts'
import { isSealed } from '../../shared/sealing.ts'
import type { StepContext } from '../driver.ts'

const json = z.record(z.string(), z.unknown())

const KnownAgent = z.object({ url: z.string(), token: z.string(), certificate: z.string() })
export type KnownAgent = z.output<typeof KnownAgent>

const DeployContext = z.looseObject({
  instance_info: json.default({}),
  /** Networks of the instance as its node describes them. */
  network_data: json.default({}),
  target_raid_config: json.optional(),
  /** What there is, by which the agent knows the node's own arrays. */
  raid_config: json.default({}),
  /** By volume target: its properties as the storage system has told them for this attachment, secrets sealed. */
  attached_volumes: z.record(z.string(), json).default({}),
  /** Volumes of the storage system that this task has asked for, or is about to. */
  reserved_volumes: z.array(z.string()).default([]),
  /** Sealed: the unguessable part of this boot's paths, and the token of its agent. */
  boot_token: z.string().optional(),
  agent_token: z.string().optional(),
  agent_token_shown: z.boolean().default(false),
  /** Where the machine was told that its agent shall call. */
  agent_api: z.string().optional(),
  /** What loads the ramdisk: management.set_boot_device of a plan means this by `pxe`. */
  ramdisk_device: z.string().optional(),
  /** Its boot script has been fetched: from there on the machine tries again by itself. */
  boot_script_fetched: z.boolean().default(false),
  agent_url: z.string().optional(),
  agent_version: z.string().default('unknown'),
  /** PEM of the agent's own certificate. */
  agent_certificate: z.string().optional(),
  /** Sealed: where the image is to be had from the conductor that has the agent write it. */
  image_url: z.string().optional(),
  /** The machine is let in to boot its instance. */
  instance_admitted: z.boolean().default(false),
  /** So long the agent was waited for in boots of this step that stayed silent. */
  awaited_ms: z.number().nonnegative().default(0),
  /** It is an installer that is booted, and what the machine does when that has done its work. */
  installer: z.object({ after: z.enum(['reboot', 'off']).optional() }).optional(),
  /** It has its orders. */
  installer_fetched: z.boolean().default(false),
  /** What it told last. */
  installer_report: z.object({ status: z.enum(['start', 'end', 'error']), message: z.string() }).optional(),
  /** The agent has been told to switch its machine off. */
  power_off_told: z.boolean().default(false),
  /** Of the boot before: it may still run when the next one, or the disk, is to be started. */
  last_agent: KnownAgent.optional(),
  /** A reset of the machine may have been sent, and how that went is not known. */
  reset_begun: z.boolean().default(false),
  /** All this is of an agent that an earlier task has left, and nobody has asked it since. */
  fast_track: z.boolean().default(false),
  /** Serial numbers of the disks that the inspection before found; absent where there was none that kept them. */
  inspected_disks: z.array(z.string()).optional(),
  /** The agent may have been told to let a person in, and to answer nobody any more. */
  rescue_begun: z.boolean().default(false),
})
export type DeployContext = z.output<typeof DeployContext>

/** Where a boot of the ramdisk begins; a machine that may not be off is not switched off before it. */
export const BOOT_AGAIN: readonly string[] = ['power.power_off', 'boot.prepare_ramdisk']

/** Removed when the ramdisk is done with. */
const RAMDISK_KEYS = [
  'boot_token',
  'agent_token',
  'agent_token_shown',
  'agent_api',
  'ramdisk_device',
  'boot_script_fetched',
  'agent_url',
  'agent_version',
  'agent_certificate',
  'fast_track',
  'instance_admitted',
  'installer',
  'installer_fetched',
  'installer_report',
  'image_url',
  // A boot that is prepared anew is begun anew.
  'rescue_begun',
  'power_off_told',
  'reset_begun',
] as const

/** What is left of the context when a ramdisk is done with, or another one is to come. */
export function withoutRamdisk(context: StepContext<unknown>): Record<string, unknown> {
  const { agent_url: url, agent_token: token, agent_certificate: certificate } = deployContext(context)
  const isKnown = url !== undefined && token !== undefined && certificate !== undefined
  return {
    ...Object.fromEntries(RAMDISK_KEYS.map((key) => [key, null])),
    ...(isKnown && { last_agent: { url, token, certificate } }),
  }
}

export function deployContext(context: StepContext<unknown>): DeployContext {
  const parsed = DeployContext.safeParse(context.task.context)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new FaultError('internal', `task.context: ${issue?.path.join('.')} ${issue?.message}`)
}

export async function openSecret(context: StepContext<unknown>, field: string, value: string): Promise<string> {
  return isSealed(value) ? await context.site.open(context.node.node, field, value) : value
}
