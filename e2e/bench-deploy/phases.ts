// One deployment from its evidence: who saw what when, and from that the phases and the gaps between them. Pure.
// 1. Intervals follow each other without a hole: their sum is the time from the verb to the system's own line. 2. A moment comes from whom it
// belongs to: power from the chassis, IPMI from the BMC, files from the HTTP servers, the machine's own doings from its serial console.
import type { PowerEvent } from '../../lab/machine.ts'

export interface Evidence {
  /** Before the client sent the verb. All times in milliseconds since 1970, of one clock. */
  readonly verbAtMs: number
  readonly activeAtMs: number
  readonly power: readonly PowerEvent[]
  /** The BMC's own log of commands that change something. */
  readonly bmc: readonly { readonly atMs: number; readonly command: string; readonly data: string }[]
  readonly console: readonly { readonly atMs: number; readonly line: string }[]
  /** The transfer of the image, by the server that it lies on. */
  readonly image: { readonly startMs: number; readonly endMs: number }
  readonly timeline: readonly { readonly atMs: number; readonly type: string; readonly body: Record<string, unknown> }[]
}

export type Kind = 'firmware' | 'transfer' | 'agent' | 'overhead'

/** Rows of the table that was made of Ironic on this rack. */
export const PHASES = [
  { row: 1, kind: 'overhead', what: 'verb → power-on command done' },
  { row: 2, kind: 'firmware', what: 'firmware: power on → iPXE script' },
  { row: 3, kind: 'transfer', what: 'kernel and ramdisk over HTTP' },
  { row: 4, kind: 'firmware', what: 'kernel boot and unpacking → init' },
  { row: 5, kind: 'firmware', what: 'init → agent process starts' },
  { row: 6, kind: 'agent', what: 'agent starts → lookup' },
  { row: 7, kind: 'agent', what: 'lookup → first heartbeat' },
  { row: 8, kind: 'overhead', what: 'heartbeat → image requested' },
  { row: 9, kind: 'transfer', what: 'image, written as it comes' },
  { row: 10, kind: 'agent', what: 'rest of the image write, config drive' },
  { row: 11, kind: 'overhead', what: 'written → conductor goes on' },
  { row: 12, kind: 'overhead', what: 'boot device → power-off command' },
  { row: 13, kind: 'overhead', what: 'power-off command → machine off' },
  { row: 14, kind: 'overhead', what: 'machine off → power on' },
  { row: 15, kind: 'firmware', what: 'power on → system up' },
] as const satisfies readonly { row: number; kind: Kind; what: string }[]
export type Row = (typeof PHASES)[number]['row']

export interface Interval {
  readonly row: Row
  readonly kind: Kind
  readonly from: string
  readonly to: string
  /** Since the verb. */
  readonly startS: number
  readonly endS: number
}

const MAX_LATE_MS = 50

/** Throws with the name of the moment that nobody saw, or that comes before the one that it follows. */
export function intervalsOf(evidence: Evidence): Interval[] {
  const { verbAtMs, power, bmc, timeline, image } = evidence
  const line = (pattern: RegExp) =>
    need(
      `console ${pattern}`,
      evidence.console.find((each) => pattern.test(each.line)),
    )
  const agent = (what: string) => line(new RegExp(`ferrule-agent: .*${what}`))
  const powered = (event: PowerEvent['event'], nth: number) =>
    need(`power ${event} ${nth}`, power.filter((each) => each.event === event && each.atMs >= verbAtMs)[nth - 1])
  const noted = (type: string) =>
    need(
      type,
      timeline.find((each) => each.type === type),
    )
  // A download is noted at its start, on its way and at its end, with how long it has taken.
  const began = (type: string) =>
    noted(type) - Number(timeline.find((each) => each.type === type)?.body['durationMs'] ?? 0)
  const complete = (type: string) =>
    need(
      `end of ${type}`,
      timeline.find((each) => each.type === type && each.body['outcome'] === 'complete'),
    )
  const stepDone = (step: string) =>
    need(
      `end of ${step}`,
      timeline.find((each) => each.type === 'step.finished' && each.body['step'] === step),
    )
  // IPMI 2.0 §28.12: Set System Boot Options; parameter 5 holds the boot flags.
  const bootFlags = (nth: number) =>
    need(`boot flags ${nth}`, bmc.filter((each) => each.command === '08' && each.data.startsWith('05'))[nth - 1])

  const moments: readonly (readonly [row: Row, to: string, atMs: number])[] = [
    [1, 'boot device set at the BMC', bootFlags(1)],
    [1, 'machine on', powered('on', 1)],
    [2, 'iPXE asks for its script', began('boot.ipxe-script')],
    [3, 'ramdisk sent', complete('boot.ramdisk')],
    [4, 'init', line(/ferrule-init: .* up, /)],
    [5, 'agent process started', line(/ferrule-init: .*agent starts/)],
    [6, 'lookup', noted('agent.lookup')],
    [7, 'first heartbeat', noted('agent.call')],
    [8, 'agent told to write the image', agent('prepare_image started')],
    [8, 'image requested', image.startMs],
    [9, 'image sent', image.endMs],
    [10, 'image written', agent('prepare_image succeeded')],
    [11, 'agent told to write the config drive', agent('execute_deploy_step started')],
    [10, 'config drive written', agent('execute_deploy_step succeeded')],
    [11, 'conductor goes on', stepDone('deploy.write_configdrive')],
    [12, 'boot device set at the BMC', bootFlags(2)],
    [12, 'agent told to flush its disks', agent('sync started')],
    [12, 'disks flushed', agent('sync succeeded')],
    [12, 'agent told to switch off', agent('power_off started')],
    [13, 'machine off', powered('off', 1)],
    [14, 'machine on again', powered('on', 2)],
    [15, 'system up', line(/FERRULE-OS-UP/)],
  ]
  let [from, fromMs] = ['verb', verbAtMs]
  return moments.map(([row, to, atMs]) => {
    // Clocks are one, but a line takes some milliseconds to be read. More than that is a moment that belongs elsewhere.
    if (fromMs - atMs > MAX_LATE_MS)
      throw new Error(`"${to}" was ${Math.round(fromMs - atMs)} ms before "${from}", which it must follow`)
    const endMs = Math.max(fromMs, atMs)
    const { kind } = PHASES[row - 1]!
    const interval = { row, kind, from, to, startS: (fromMs - verbAtMs) / 1000, endS: (endMs - verbAtMs) / 1000 }
    ;[from, fromMs] = [to, endMs]
    return interval
  })
}

export function sumOf(intervals: readonly Interval[], wanted: { row: Row } | { kind: Kind }): number {
  return intervals
    .filter((each) => ('row' in wanted ? each.row === wanted.row : each.kind === wanted.kind))
    .reduce((sum, { startS, endS }) => sum + endS - startS, 0)
}

/** Of an even number of values the lower one of the middle, so that it is one that was measured. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN
}

function need(what: string, found: { readonly atMs: number } | undefined): number {
  if (found === undefined) throw new Error(`the evidence of this deployment has no ${what}`)
  return found.atMs
}
