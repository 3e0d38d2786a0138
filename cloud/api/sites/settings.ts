// What a site may be told of the work on its nodes; the names are Ironic's where it has them. Read by the hub when work begins: what is under way goes on as it was begun.
import { z } from 'zod'
import { CALLBACK_KINDS, CALLBACK_S, ENDLESS_MS, type CallbackTimeouts } from '../../callbacks.ts'
import type { SiteRow } from '../../schema/rows.ts'
import type { Patchable } from '../patch.ts'

/** Seconds; 0: for as long as it takes. */
const Seconds = z
  .int()
  .min(0)
  .max(ENDLESS_MS / 1000)
const CallbackTimeouts = z.strictObject(
  Object.fromEntries(CALLBACK_KINDS.map((kind) => [kind, Seconds.optional()])) as Record<
    (typeof CALLBACK_KINDS)[number],
    z.ZodOptional<typeof Seconds>
  >,
)
/** A boot takes minutes: sooner, machines would be booted in the middle of it. */
const BootRetryS = z.int().min(60).max(86_400).nullable()
const AtOnce = z.int().min(1).max(1_000_000)
const flag: Patchable = { since: 1, schema: z.boolean(), needed: true }

export const SITE_SETTINGS = {
  fast_track: flag,
  automated_clean: flag,
  callback_timeouts_s: { since: 1, schema: CallbackTimeouts },
  boot_retry_s: { since: 1, schema: BootRetryS },
  poweroff_in_cleanfail: flag,
  power_off_after_deploy_failure: flag,
  max_concurrent_deploy: { since: 1, schema: AtOnce, needed: true },
  max_concurrent_clean: { since: 1, schema: AtOnce, needed: true },
} as const satisfies Readonly<Partial<Record<keyof SiteRow, Patchable>>>

export function settingsOf(site: SiteRow): Record<string, unknown> {
  const named = Object.keys(SITE_SETTINGS).map((name) => [name, site[name as keyof typeof SITE_SETTINGS]])
  const defaults = Object.fromEntries(CALLBACK_KINDS.map((kind) => [kind, CALLBACK_S]))
  return {
    ...Object.fromEntries(named),
    callback_timeouts_s: { ...defaults, ...(site.callback_timeouts_s as CallbackTimeouts) },
  }
}
