// The anchor: Debian's Ironic 21.4.4 and the unmodified ironic-python-agent 9.4.3 on this same rack, BIOS, a raw image of 113 MB that holds
// the same kernel and busybox, router advertisement on. Seconds, each phase of each run; rows as in phases.ts.
import { median, PHASES, type Row } from './phases.ts'

type Run = readonly number[]

/** As it is delivered. */
const DEFAULTS: readonly Run[] = [
  [24.38, 2.96, 5.72, 16.96, 9.8, 27.97, 1.23, 0.99, 5.25, 17.28, 1.6, 15.45, 0.71, 14.51, 11.55],
  [24.24, 2.5, 1.89, 14.7, 4.56, 19.02, 0.98, 1.22, 6.02, 17.3, 0.58, 15.46, 0.65, 14.65, 9.3],
  [24.19, 2.4, 1.69, 12.67, 4.71, 19.9, 1.5, 1.06, 5.78, 16.07, 2.21, 15.4, 1.63, 13.58, 10.64],
]
/** [ipmi]min_command_interval=1, disable_boot_timeout=False, [agent]post_deploy_get_power_state_retry_interval=1; the third run without TLS. */
const TUNED: readonly Run[] = [
  [3.36, 2.45, 5.62, 12.68, 4.48, 14.62, 0.85, 1.0, 6.04, 18.41, 4.69, 1.41, 0.67, 2.62, 15.23],
  [3.32, 2.49, 3.96, 13.34, 4.67, 20.18, 1.24, 1.71, 6.6, 20.59, 1.3, 1.59, 1.52, 3.33, 12.41],
  [3.34, 2.51, 4.88, 13.06, 4.99, 18.4, 0.89, 0.73, 5.93, 19.59, 3.91, 1.36, 0.63, 2.58, 9.55],
]

export interface Anchor {
  readonly name: string
  /** Medians over the runs. */
  readonly seconds: Readonly<Record<Row, number>>
  readonly totalS: number
  /** Medians of the runs' sums, which are not the sums of the medians. */
  readonly sums: Readonly<Record<'firmware' | 'transfer' | 'agent' | 'overhead', number>>
}

export const IRONIC: Anchor = anchor('Ironic 21.4', DEFAULTS)
export const IRONIC_TUNED: Anchor = anchor('Ironic 21.4, tuned', TUNED)

function anchor(name: string, runs: readonly Run[]): Anchor {
  const sum = (kind?: string) =>
    median(runs.map((run) => run.reduce((all, each, i) => all + (!kind || PHASES[i]!.kind === kind ? each : 0), 0)))
  const seconds = PHASES.map(({ row }, i) => [row, median(runs.map((run) => run[i]!))])
  return {
    name,
    seconds: Object.fromEntries(seconds) as Record<Row, number>,
    totalS: sum(),
    sums: { firmware: sum('firmware'), transfer: sum('transfer'), agent: sum('agent'), overhead: sum('overhead') },
  }
}
