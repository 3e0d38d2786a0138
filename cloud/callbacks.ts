// How long the first call of what a plan boots is waited for: as its site says, by the kind of work (Ironic's deploy_callback_timeout and the like, and
// pxe.boot_retry_timeout). Pure: steps in, steps out. The step's own limit, and with it the task's deadline, has room for that.
import type { Step } from '../shared/protocol.ts'

export const CALLBACK_KINDS = ['deploy', 'clean', 'service', 'rescue', 'inspect'] as const
export type CallbackKind = (typeof CALLBACK_KINDS)[number]
/** Seconds; 0: for as long as it takes. */
export type CallbackTimeouts = Readonly<Partial<Record<CallbackKind, number>>>

export const CALLBACK_S = 1800
/** Steps have an end, also where nobody wants one. */
export const ENDLESS_MS = 20 * 24 * 3_600_000
/** So that the conductor, which knows how far the boot came, is the one that ends the wait. */
const MARGIN_MS = 60_000
/** Behind its first report an installer is at work. */
const INSTALLS_MS = 210 * 60_000

const KIND_OF: Readonly<Record<string, CallbackKind>> = {
  ...Object.fromEntries(CALLBACK_KINDS.map((kind) => [kind, kind])),
  rebuild: 'deploy',
}

/** What a site says of waiting; `boot_retry_s` null: a silent boot is not begun again. */
export interface Patience {
  readonly callback_timeouts_s: unknown
  readonly boot_retry_s: number | null
}

export function withCallbacks(kind: string, steps: readonly Step[], patience: Patience): readonly Step[] {
  const of = KIND_OF[kind]
  if (of === undefined) return steps
  const callback = (patience.callback_timeouts_s as CallbackTimeouts)[of] ?? CALLBACK_S
  const ms = callback === 0 ? ENDLESS_MS : callback * 1000 + MARGIN_MS
  return steps.map((step) => {
    if (step.interface !== 'deploy') return step
    const args = { ...step.args, callback_timeout: callback }
    if (step.step === 'wait_installer') return { ...step, args, timeoutMs: ms + INSTALLS_MS }
    if (step.step !== 'wait_agent') return step
    const { boot_retry_s: retry } = patience
    return { ...step, args: retry === null ? args : { ...args, boot_retry: retry }, timeoutMs: ms }
  })
}
