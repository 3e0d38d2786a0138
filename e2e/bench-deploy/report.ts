// What was measured, for people: the table in a terminal, and the page in docs/benchmarks. Pure.
import { type Anchor, IRONIC, IRONIC_TUNED } from './ironic.ts'
import { type Interval, type Kind, median, PHASES, sumOf } from './phases.ts'

export interface Measured {
  readonly intervals: readonly Interval[]
  /** Of the machine, for each of its processors, as the run began. More than 0 is somebody else's work. */
  readonly loadBefore: number
}

/** Medians over runs, as of an anchor, and the gaps one by one. */
export interface Summary extends Anchor {
  readonly gaps: readonly Gap[]
}

export interface Gap {
  readonly row: number
  readonly from: string
  readonly to: string
  readonly seconds: number
}

export const KINDS: readonly { readonly kind: Kind; readonly what: string }[] = [
  { kind: 'firmware', what: 'firmware, kernel, system (2+4+5+15)' },
  { kind: 'transfer', what: 'transfers (3+9)' },
  { kind: 'agent', what: "agent's own work (6+7+10)" },
  { kind: 'overhead', what: 'gaps: orchestration (1+8+11–14)' },
]

export function summarise(runs: readonly Measured[]): Summary {
  const over = (value: (run: readonly Interval[]) => number) => median(runs.map(({ intervals }) => value(intervals)))
  const sum = (kind: Kind) => over((run) => sumOf(run, { kind }))
  const seconds = PHASES.map(({ row }) => [row, over((run) => sumOf(run, { row }))])
  return {
    name: 'Ferrule',
    seconds: Object.fromEntries(seconds) as Summary['seconds'],
    totalS: over((run) => run.at(-1)?.endS ?? Number.NaN),
    sums: { firmware: sum('firmware'), transfer: sum('transfer'), agent: sum('agent'), overhead: sum('overhead') },
    gaps: (runs[0]?.intervals ?? []).flatMap(({ row, kind, from, to }, i) =>
      kind === 'overhead' ? [{ row, from, to, seconds: over((run) => run[i]!.endS - run[i]!.startS) }] : [],
    ),
  }
}

const figure = (seconds: number) => seconds.toFixed(2)
/** Less than 5 ms is as good as nothing, and a ratio to it says nothing. */
const ratio = (theirs: number, ours: number) =>
  ours < 0.005 ? '–' : `${(theirs / ours).toFixed(theirs / ours < 10 ? 1 : 0)} ×`

function rows(ours: Summary): string[][] {
  const line = (what: string, mine: number, tuned: number, theirs: number) => [
    what,
    figure(mine),
    figure(tuned),
    figure(theirs),
    ratio(tuned, mine),
    ratio(theirs, mine),
  ]
  return [
    ...PHASES.map(({ row, what }) =>
      line(`${row} ${what}`, ours.seconds[row], IRONIC_TUNED.seconds[row], IRONIC.seconds[row]),
    ),
    ...KINDS.map(({ kind, what }) => line(`= ${what}`, ours.sums[kind], IRONIC_TUNED.sums[kind], IRONIC.sums[kind])),
    line('= system up after', ours.totalS, IRONIC_TUNED.totalS, IRONIC.totalS),
  ]
}

const HEAD = ['seconds', 'Ferrule', 'Ironic tuned', 'Ironic', 'tuned ÷ ours', 'Ironic ÷ ours']

export function report(ours: Summary, runs: readonly Measured[]): string {
  const table = [HEAD, ...rows(ours)]
  const widths = HEAD.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  const lines = table.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '),
  )
  const gaps = ours.gaps.map(
    ({ row, from, to, seconds }) => `  ${String(row).padStart(2)}  ${figure(seconds)} s  ${from} → ${to}`,
  )
  return [...lines, '', `gaps, medians of ${runs.length}:`, ...gaps].join('\n')
}

/** docs/benchmarks/deploy.md. */
export function page(ours: Summary, runs: readonly Measured[]): string {
  const cells = (row: readonly string[]) => `| ${row.join(' | ')} |`
  const totals = runs.map(({ intervals }) => figure(intervals.at(-1)?.endS ?? Number.NaN)).join(', ')
  const gaps = runs.map(({ intervals }) => figure(sumOf(intervals, { kind: 'overhead' }))).join(', ')
  const loads = runs.map(({ loadBefore }) => loadBefore.toFixed(1)).join(', ')
  return `# One deployment, phase by phase

Made by \`npm run bench -- deploy --runs ${runs.length} --write-docs\`; the code that measured is \`e2e/bench-deploy\`.

![Where the time of one deployment goes](deploy.svg)

A BIOS machine of the virtual rack (qemu without KVM, 2 cores) gets a raw image of 113 MB and a config drive with deploy interface \`direct\`; firmware is
answered with a router advertisement. Beside it Ironic 21.4.4 with ironic-python-agent 9.4.3, unmodified, on the same rack, with the same network, BMC and size of image:
as delivered, and tuned (\`[ipmi]min_command_interval=1\`, \`disable_boot_timeout=False\`, \`[agent]post_deploy_get_power_state_retry_interval=1\`). Medians of
${runs.length} runs and of 3 each; ours took ${totals} s, of which gaps ${gaps} s. Load of the host as they began, a processor:
${loads} (0 is a quiet machine; each 1 is another program that wants the whole of it, and about doubles what is computed here).

${cells(HEAD)}
${cells(HEAD.map((_, i) => (i === 0 ? '---' : '---:')))}
${rows(ours).map(cells).join('\n')}

Medians of each row by itself: they do not add up to the medians of the sums. Rows 6, 7 and 10 are programs running in an emulated processor: they shrink on
real hardware, ours and Ironic's. The gaps do not, where they are waiting.

## The gaps

A gap is the time between what allows the next action and that action. All of it is ours to answer for: rows 1, 8, 11, 12, 13 and 14, as for Ironic, whose sum there is
called conductor overhead. It holds work that is not waiting, too: TLS in the emulated processor, flushing the disk, finding the root disk.

| row | from | to | s |
|---:|---|---|---:|
${ours.gaps.map(({ row, from, to, seconds }) => cells([String(row), from, to, figure(seconds)])).join('\n')}
| | | **median of the sums** | **${figure(ours.sums.overhead)}** |

## Who saw it

| What | By whose word |
|---|---|
| verb | the client, before it sends the request |
| boot device, power on and off | the log of the BMC (OpenIPMI's ipmi_sim) and of the chassis behind it |
| script, kernel, ramdisk, lookup, heartbeat | notes of the conductor's servers on the node's timeline |
| image | the web server that it lies on |
| init, agent's commands, system up | lines on the machine's serial console, dated as they arrive (5 ms) |
`
}
